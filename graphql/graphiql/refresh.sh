#!/bin/sh
# Fetches GraphiQL and React again and writes the files that stand beside this script.
#
# To move to a newer version: change the version here, run the script, and copy the digest it
# reports (after you have compared it with what `npm view NAME@VERSION dist.integrity` says).
# Needs npm and node; which registry npm asks is npm's own configuration.
set -eu

GRAPHIQL=3.9.0
REACT=18.3.1
GRAPHIQL_DIGEST=sha512-rJYFlHdBbug9+YbFSwRVvgfPjCayC7wHecZkx/qB4XLuQPFQZw/yB9pmHFtOJV6RiNBBHro3u1GdocKa3YcGRA==
REACT_DIGEST=sha512-wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==
REACT_DOM_DIGEST=sha512-5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==

# GraphiQL asks for Roboto and Fira Code and carries them as data: URLs, which the page's policy
# forbids and which hold no Chinese. The reader's own fonts stand in for them.
TEXT='system-ui,"Noto Sans CJK SC","Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif'
CODE='ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace'

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# unpack NAME VERSION DIGEST: the package's files, in ./NAME, once the digest agrees.
unpack() {
    tarball=$(npm pack --silent "$1@$2")
    digest=$(node -p 'const [, tarball] = process.argv;
        "sha512-" + crypto.createHash("sha512").update(fs.readFileSync(tarball)).digest("base64")' "$tarball")
    if [ "$digest" != "$3" ]; then
        echo "refresh.sh: $1@$2 has the digest $digest, not the one expected: $3" >&2
        exit 1
    fi
    mkdir "$1"
    tar -xzf "$tarball" -C "$1" --strip-components=1
    cp "$1/LICENSE" "$here/LICENSE-$1.txt"
}

unpack graphiql "$GRAPHIQL" "$GRAPHIQL_DIGEST"
unpack react "$REACT" "$REACT_DIGEST"
unpack react-dom "$REACT" "$REACT_DOM_DIGEST"

# A reference to a source map makes browsers ask for a file that is not served.
for script in graphiql/graphiql.min.js react/umd/react.production.min.js react-dom/umd/react-dom.production.min.js; do
    sed '/^\/\/# sourceMappingURL=/d' "$script" >"$here/${script##*/}"
done
sed -E -e 's/@font-face\{[^}]*\}//g' -e "s/\"Roboto\",sans-serif/$TEXT/; s/\"Fira Code\",monospace/$CODE/" \
    -e '/sourceMappingURL=/d' graphiql/graphiql.min.css >"$here/graphiql.min.css"

# The bundle holds many packages; its source map says which. Their licences travel with it.
cat >named.js <<'SCRIPT'
const fs = require("fs");
const path = require("path");

// The packages that live in GraphiQL's own repository show in the map by their folders' names.
const HOUSE = {
    "graphiql-react": "@graphiql/react",
    "graphiql-toolkit": "@graphiql/toolkit",
    "codemirror-graphql": "codemirror-graphql",
    "graphql-language-service": "graphql-language-service",
};

exports.named = function named() {
    const map = JSON.parse(fs.readFileSync("graphiql/graphiql.min.js.map", "utf8"));
    const names = new Set();
    for (const source of map.sources) {
        const outside = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/);
        const inside = source.match(/^\.\.\/\.\.\/([^/]+)\//);
        if (outside) names.add(outside[1]);
        else if (inside && HOUSE[inside[1]]) names.add(HOUSE[inside[1]]);
        else if (inside) throw new Error(`whose is ${source}?`);
    }
    return [...names].sort();
};

function* folders(root) {
    for (const entry of fs.existsSync(root) ? fs.readdirSync(root, { withFileTypes: true }) : []) {
        if (!entry.isDirectory()) continue;
        yield path.join(root, entry.name);
        yield* folders(path.join(root, entry.name));
    }
}

exports.homes = function homes(names) {
    const all = [...folders("bundled")];
    return new Map(names.map((name) => [name, all.find((at) => at.endsWith(`/node_modules/${name}`))]));
};
SCRIPT
add() { npm install --silent --no-audit --no-fund --ignore-scripts --prefix bundled "$@"; }
mkdir bundled
add "graphiql@$GRAPHIQL" "react@$REACT" "react-dom@$REACT" graphql@16
# What the bundle's makers had and today's releases no longer ask for is fetched by name.
gone=$(node -p 'const { named, homes } = require("./named.js");
    [...homes(named())].filter(([, home]) => !home).map(([name]) => name).join(" ")')
# shellcheck disable=SC2086  # names, one word each
[ -z "$gone" ] || add $gone

node - "$here/LICENSE-bundled.txt" <<'SCRIPT'
const fs = require("fs");
const path = require("path");
const { named, homes } = require(path.resolve("named.js"));

function licence([name, home]) {
    if (!home) throw new Error(`${name} is in the bundle but was not installed`);
    const about = JSON.parse(fs.readFileSync(path.join(home, "package.json"), "utf8"));
    const file = fs.readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry));
    const author = (about.author?.name ?? about.author)?.replace(/ *<.*>/, "");
    const text = file
        ? fs.readFileSync(path.join(home, file), "utf8")
        : `The package carries no licence file; its package.json says: ${about.license}` +
          (author ? ` (author: ${author})` : "");
    return { name: `${name} (${about.license})`, text: text.replace(/\r\n/g, "\n").trim() };
}

const texts = new Map();
for (const { name, text } of [...homes(named())].map(licence)) {
    texts.set(text, [...(texts.get(text) ?? []), name]);
}
const rule = "-".repeat(78);
const blocks = [...texts].map(([text, packages]) => `${rule}\n${packages.join("\n")}\n${rule}\n\n${text}\n`);
fs.writeFileSync(
    process.argv[2],
    `graphiql.min.js and graphiql.min.css contain parts of these packages.\n\n${blocks.join("\n")}`,
);
SCRIPT

ls -l "$here"

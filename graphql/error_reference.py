"""Every refusal a client can meet, as one page: its code, where it is met, what it says, what to do about it."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import walk_packages
from string import Formatter

from gongzhi.core.api import Misconfigured, Plugins, Refusal, problem_of
from gongzhi.graphql.errors import refused

#: Where a refusal is met, in the page's order: heading, and what is true of all beneath it.
_PLACES = {
    "request": (
        "The whole request (整个请求)",
        """\
The answer is `data: null` and one entry of `errors[]`, with the HTTP status and header told here. Met at one field only, the same code comes with that
field's `path`, and HTTP is 200.""",
    ),
    "errors": (
        "Fields, and documents (字段与文档)",
        """\
In `errors[]`; HTTP is 200. With a `path`, that field is null and the rest of the document is answered; without one, nothing is.""",
    ),
    "payload": (
        "Commands (操作)",
        """\
A mutation answers it as a member of its payload, of the type told here, with `code`, `message` and, where it is known, the `path` in the
input. A query that meets it has it in `errors[]`.""",
    ),
    "elsewhere": (
        "Terminal and jobs (命令行与后台任务)",
        """\
A command of the terminal ends with it and exits with 1; a job has it in `failure`. Should a mutation meet one, its payload has it, of the
type told here.""",
    ),
}

_PAGE = """\
# Errors 错误代码

Written by `gongzhi schema errors --output docs/errors.md` from the code; never by hand.

Compare codes, never messages: a code is stable for ever, a message may be worded better tomorrow. Messages come in the language that
`Accept-Language` prefers, Chinese or English; what stands in braces is filled in. *Audited* means that a command, or a sign-in, that ends so
leaves an entry in the audit.

In `errors[]`, `extensions.code` is the code; `extensions.argument` says which argument is meant, where one is; `extensions.reference` comes
with `UNEXPECTED`. `POST /session` and `POST /session/activate` answer in the same shape: 401 `SIGN_IN_REFUSED`, 401 `ACTIVATION_REFUSED`, 403 `CSRF_MISSING`, 429 `RATE_LIMITED`, else 400.
"""

#: What graphql-core refuses has no class of ours.
_INVALID = """\
### `GRAPHQL_INVALID`

The document is not GraphQL, does not fit the schema, or its variables don't: mend the document. The message is the GraphQL library's, in
English, with the `locations`; values that were told are taken out of it.

- `errors[]`
"""


@dataclass(frozen=True)
class Entry:
    """A code on the page.

    :param place: a key of the page's places.
    :param met: how a client recognises it, in a few words.
    :param variants: refusals that share the code and have words of their own.
    """

    refusal: type[Refusal]
    place: str
    met: str
    variants: tuple[type[Refusal], ...]

    def told(self) -> str:
        """The entry as Markdown."""
        met = f"{self.met}, audited" if self.refusal.audited else self.met
        lines = [f"- {met}", *_words(self.refusal)]
        for variant in self.variants:
            lines += [f"- {_meaning(variant)}", *(f"  {line}" for line in _words(variant))]
        return "\n".join([f"### `{self.refusal.code}`", "", _meaning(self.refusal), "", *lines, ""])


def _meaning(refusal: type[Refusal]) -> str:
    return inspect.cleandoc(vars(refusal).get("__doc__") or "")


def _words(refusal: type[Refusal]) -> list[str]:
    return [f"- {_plain(refusal.zh)}", f"- {_plain(refusal.en)}"]


def error_reference(plugins: Plugins) -> str:
    """The page, of everything installed."""
    entries = [entry_of(refusal) for refusal in refusals(plugins)]
    parts = [_PAGE]
    for place, (heading, meaning) in _PLACES.items():
        parts.append(f"## {heading}\n\n{meaning}\n")
        told = [entry.told() for entry in entries if entry.place == place]
        parts += sorted([*told, _INVALID] if place == "errors" else told)
    return "\n".join(parts)


def refusals(plugins: Plugins) -> list[type[Refusal]]:
    """Every refusal with a code that the kernel and the installed plugins can raise, by code."""
    packages = ["gongzhi.core", *_packages(plugins)]
    for package in packages:
        _import_all(package)
    found = (kind for kind in _subclasses(Refusal) if "code" in vars(kind))
    ours = (kind for kind in found if kind.__module__.startswith(tuple(f"{name}." for name in packages)))
    return sorted(ours, key=lambda kind: kind.code)


def _packages(plugins: Plugins) -> Iterator[str]:
    """The package of each plugin."""
    for point in entry_points(group="gongzhi"):
        if point.name in plugins.cards:
            module = import_module(point.module)
            yield point.module if hasattr(module, "__path__") else point.module.rpartition(".")[0]


def _import_all(package: str) -> None:
    """Import every module of a package, for a class is known once its module is; what is for tests stays out."""
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        if {"testing", "migrations"}.isdisjoint(module.name.split(".")):
            import_module(module.name)


def _subclasses(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def entry_of(refusal: type[Refusal]) -> Entry:
    """What the page says of a code."""
    variants = (kind for kind in _subclasses(refusal) if kind.code == refusal.code and "zh" in vars(kind))
    return Entry(refusal, *_met(refusal), tuple(sorted(variants, key=lambda kind: kind.__name__)))


def _met(refusal: type[Refusal]) -> tuple[str, str]:
    """The place and how it is recognised there; the code that answers is asked, with a sample."""
    sample = refusal(**{name: name for name in placeholders(refusal.en)})
    answer, problem = refused(sample, "en"), f"`{type(problem_of(sample, 'en')).__name__}`"
    if refusal is Misconfigured or refusal.__module__.startswith("gongzhi.core.embedded"):
        return "elsewhere", "terminal or job"
    if answer.status != 200:
        headers = "".join(f", `{name.title()}`" for name in answer.headers)
        return "request", f"`errors[]`, HTTP {answer.status}{headers}"
    if refusal.top_level:
        return "errors", "`errors[]`"
    if _of_service(refusal.__module__):
        return "payload", problem
    return "elsewhere", f"terminal or job; in a payload {problem}"


def _of_service(module: str) -> bool:
    """Whether commands raise it: the kernel's are for them, and a room's lie in its service."""
    return module.startswith("gongzhi.core.") or "service" in module.split(".")


def placeholders(message: str) -> set[str]:
    """What a message has to be filled with."""
    return {name for _text, name, _spec, _conversion in Formatter().parse(message) if name is not None}


def _plain(message: str) -> str:
    """A message on one line, with its placeholders by name alone."""
    plain = "".join(
        text + (f"{{{name}}}" if name is not None else "")
        for text, name, _spec, _conversion in Formatter().parse(message)
    )
    return " ".join(plain.splitlines())

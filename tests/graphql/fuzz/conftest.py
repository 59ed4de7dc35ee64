"""Where the fuzzing happens: a copy of the sample's database, what fits there, and what every answer must keep.

Each request meets the same data, for the copy is made anew after every success. Each run takes another seed
and prints it: FUZZ_SEED repeats a run, FUZZ_TIMES makes one that many times longer.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)
from structlog.testing import capture_logs

from gongzhi.core.errors import Refusal
from gongzhi.core.kernel import Kernel
from gongzhi.core.known_callers import KnownCallers
from gongzhi.core.tables import Base
from gongzhi.core.testing import Client, Name, client_of, clone, drop, settings_for_tests
from gongzhi.tenants.desk import create_token

SCHEMA = build_schema(Path(__file__).parents[1].joinpath("schema.graphql").read_text("utf-8"))
ROOTS = {
    f"{kind.name}.{name}": made
    for kind in (SCHEMA.query_type, SCHEMA.mutation_type)
    for name, made in kind.fields.items()
}
#: All processes of a parallel run take the same seed.
SEED = os.environ.get("FUZZ_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))

#: Stands in values: a message that repeats what it was told repeats it.
CANARY = "赵试金石"
#: Mistakes of ours, and what would keep every request out.
NEVER = {"UNEXPECTED", "MISCONFIGURED", "RATE_LIMITED"}
#: These say which one there is none of, or is one already.
NAMING = {
    *("PLUGIN_UNKNOWN", "PROFILE_FIGURE_KNOWN", "PERMISSION_UNKNOWN", "TOKEN_PERMISSION_UNKNOWN"),
    *("GRANT_ROLE_UNFIT", "ROLE_UNKNOWN", "ROLE_NAME_TAKEN", "ROLE_CYCLE"),
    *("ACCOUNT_UNKNOWN", "ACCOUNT_LOGIN_TAKEN", "ACCOUNT_CLOSED"),
}
#: What a message says only where something of ours shines through.
INSIDES = re.compile(
    r"Traceback|sqlalchemy|asyncpg|psycopg|msgspec|strawberry|gongzhi\.|\bsys\.|site-packages|\.py\b|<class|<\w+ object| at 0x"
    r"|\bNone|\bTrue\b|\bFalse\b|\w(Error|Exception)\b|\b(UUID|Decimal|datetime\.\w+)\(|\\x"
    r"|SELECT |INSERT |violates|relation \"|column \""
)
#: What fits by the name of an argument or an input field, or else by the name of its type; ids are found.
FITS: dict[str, Any] = {
    "allowed": ("tenants.grid:read", "mediation.case:read"),
    "birthBand": ("0-13", "18-59"),
    "blueprint": ("standard",),
    "contentBase64": ("Y29kZSxuYW1lLGxldmVsLHBhcmVudF9jb2RlCg==",),
    "days": (1, 30, 365),
    "denied": ("mediation.party:identify",),
    "included": ("volunteer", "resident"),
    "login": tuple(f"fuzz-{SEED}-{number}" for number in range(500)),
    "overlapHours": (0, 24),
    "permission": ("tenants.area:read", "mediation.case:read"),
    "permissions": ("tenants.area:read",),
    "role": ("auditor", "integrator"),
    "validFrom": ("2020-01-01T00:00:00+08:00",),
    "validUntil": ("2030-01-01T00:00:00Z",),
    "idempotencyKey": ("desk-3-2026-11-21-0007",),
    "phone": ("13800138000",),
    "plugin": ("mediation",),
    "settings": ("{}", '{"due_days": 20}'),
    "termEndsOn": ("2099-01-01",),
    "Boolean": (True, False),
    "Date": ("2025-12-31", "2026-03-02"),
    "DateTime": ("2020-01-01T00:00:00+08:00", "2030-01-01T00:00:00Z"),
    "Decimal": ("14.88", "-3"),
    "Int": (1, 2, 20),
    "String": ("试验文字", "77号之二"),
}


def pytest_report_collectionfinish() -> str:
    """The seed; where several processes share the work, a failure alone tells it."""
    return f"FUZZ_SEED={SEED}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``label``: every root field. ``place``: everywhere in their arguments where a value may stand."""
    if "label" in metafunc.fixturenames:
        metafunc.parametrize("label", ROOTS)
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", list(places()), ids="{0[0]}-{0[1]}".format)


def places() -> Iterator[tuple[str, str, str]]:
    """Root field, path to the value (``input.parties.0.name``), name of its type."""

    def within(kind: Any, path: str) -> Iterator[tuple[str, str]]:
        yield path, get_named_type(kind).name
        kind = get_nullable_type(kind)
        if is_list_type(kind):
            yield from within(kind.of_type, f"{path}.0")
        elif isinstance(kind, GraphQLInputObjectType):
            for name, one in kind.fields.items():
                yield from within(one.type, f"{path}.{name}")

    for label, root in ROOTS.items():
        for name, argument in root.args.items():
            yield from ((label, *place) for place in within(argument.type, name))


@dataclass(repr=False)
class Ground:
    """The application on a copy of the sample's database.

    :param fits: values that may well be accepted, by root field and argument, by name, or by type.
    :param versions: id to the version it has.
    """

    seed, times, schema, roots, canary = SEED, TIMES, SCHEMA, ROOTS, CANARY
    roles = ("community_admin", "mediator", "county_operator", "integrator", "nobody")

    kernel: Kernel
    loop: asyncio.Runner
    client: Client
    tokens: dict[str, str]
    template: str
    fits: dict[str, Any]
    versions: dict[str, int]

    def __post_init__(self) -> None:
        self.watch = psycopg.connect(self.kernel.database.address.url_for("postgres"), autocommit=True)
        self.before = self.rows()

    def close(self) -> None:
        """Drop the copy."""
        self.watch.close()
        self.loop.run(self.kernel.database.dispose())
        drop(self.kernel.database.address.database)

    def renew(self) -> None:
        """Put everything back as it was."""
        self.close()
        clone(self.kernel.database.address.database, self.template)
        self.kernel.callers = KnownCallers(self.kernel)
        self.__post_init__()

    def rows(self) -> list[Any]:
        """A sum over each table; refusals may be audited, and the use of a token is noted."""
        sums = (
            f"select '{table.fullname}', count(*), sum(hashtext((to_jsonb(t) - 'last_used_at')::text)) "
            f'from "{table.schema}"."{table.name}" t'
            + (" where outcome in ('done', 'again')" if table.fullname == "core.audit" else "")
            for table in Base.metadata.tables.values()
        )
        return self.watch.execute(" union all ".join(sums), prepare=True).fetchall()

    def arguments(self, label: str, pick: Callable[[Any], Any]) -> dict[str, Any]:
        """Arguments of a root field that may well be accepted."""
        told = {
            name: self.fitting(label, name, argument.type, pick)
            for name, argument in ROOTS[label].args.items()
            if is_required_argument(argument) or pick((True, False))
        }
        for name in pick((("last", "before"), ("first", "after"))):
            told.pop(name, None)
        return told

    def fitting(self, label: str, name: str, kind: Any, pick: Callable[[Any], Any]) -> Any:
        """A value that may well be accepted there."""
        kind = get_nullable_type(kind)
        if is_list_type(kind):
            return [self.fitting(label, name, kind.of_type, pick) for _ in range(pick((2, 3)))]
        if isinstance(kind, GraphQLEnumType):
            return Name(pick(list(kind.values)))
        if not isinstance(kind, GraphQLInputObjectType):
            known = (f"{label}.{name}", name, kind.name)
            return pick(next(self.fits[key] for key in known if key in self.fits))
        told = {
            name: self.fitting(label, name, one.type, pick)
            for name, one in kind.fields.items()
            if is_required_input_field(one) or pick((True, False))
        }
        if "version" in told:
            known = (one for one in told.values() if isinstance(one, str) and one in self.versions)
            told["version"] = next((self.versions[one] for one in known), 1)
        return told

    def check(self, role: str, language: str, body: str) -> set[str]:
        """Send a body and judge what comes back; the codes of what was refused.

        :raises AssertionError: it tells the seed, the request, the response, and the mistake of ours behind it.
        """
        asking = self.client.as_(self.tokens.get(role), **{"Accept-Language": language})
        sending = asking.http.post("/graphql", content=body.encode(), headers=asking.headers)
        said = [f"FUZZ_SEED={SEED}", f"{role} ({language}) sends {shortened(body)}"]
        try:
            with capture_logs() as logs:
                response = self.loop.run(sending)
            said += [f"and gets {response.status_code} {shortened(response.text)}"]
            said += [
                "".join(format_exception(one["exc_info"], limit=-7)) for one in logs if "exc_info" in one
            ]
            codes, succeeded = judged(response)
            assert succeeded or self.rows() == self.before, "something was written"
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told with its seed
            self.renew()
            mistake = str(error).partition("\n")[0] or repr(error)
            raise AssertionError("\n".join([mistake, *said])) from None
        if succeeded:
            self.renew()
        return codes


def shortened(text: str) -> str:
    """The text with long repetitions counted, cut where it is still long."""
    return re.sub(r"(.{1,8}?)\1{30,}", lambda found: f"{found[1]}…{len(found[0])}", text)[:4000]


def judged(response: httpx.Response) -> tuple[set[str], bool]:
    """The codes of the refusals in a response that was found good, and whether a command succeeded."""
    assert response.status_code < 500, "a server error"
    answer = response.json()
    assert answer.keys() <= {"data", "errors", "extensions"}, "no GraphQL response"
    payloads = [one for one in (answer.get("data") or {}).values() if isinstance(one, dict)]
    problems = [one for one in payloads if {"code", "message"} <= one.keys()]
    codes = set()
    for error in (*answer.get("errors", ()), *problems):
        code, message = error.get("extensions", error).get("code"), error["message"]
        assert code in {*Refusal.catalogue, "GRAPHQL_INVALID"} - NEVER, f"the code {code}"
        assert not (found := INSIDES.search(message)), f"a message with {found[0]}"
        assert CANARY not in message or code in NAMING, "a message that repeats a value"
        codes.add(code)
    return codes, any(str(one.get("__typename")).endswith("Success") for one in payloads)


@pytest.fixture(scope="session")
def ground(kernel, sample, event_loop) -> Iterator[Ground]:
    """One for all tests here; what is done there stays there."""
    event_loop.run(kernel.database.dispose())
    template, name = (f"fuzz_{uuid4().hex[:12]}" for _ in range(2))
    at = Kernel.at(clone(template, kernel.database.address.database), settings_for_tests())
    found, versions = event_loop.run(_prepared(at, sample))
    made = Kernel.at(clone(name, template), settings_for_tests(query_budget=10**9, query_refill=10**9))
    opening = client_of(made)
    client = event_loop.run(opening.__aenter__())
    ready = Ground(made, event_loop, client, sample.tokens, template, _fits(found), versions)
    yield ready
    event_loop.run(opening.__aexit__(None, None, None))
    ready.close()
    drop(template)


async def _prepared(kernel: Kernel, sample: Any) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Make a case in every state and a suspended community; answers all ids and cursors, and versions."""
    found = {kind: [one] for kind, one in sample.ids.items()}
    versions = {sample.ids["Consent"]: 1}
    async with client_of(kernel) as client:
        admin, mediator, operator = (client.as_(sample.tokens[role]) for role in Ground.roles[:3])
        for steps in range(6):
            await _make_case(admin, mediator, sample.ids["Mediator"], steps)
        # Another than who will be asked to archive it.
        second = client.as_(
            await create_token(kernel, sample.place.county, label="x", role="county_operator")
        )
        for one in (await operator.ask("{ communities { nodes { id } } }")).data["communities"]["nodes"]:
            if one["id"] != sample.ids["Community"]:
                await second.do("suspendCommunity", {"communityId": one["id"], "version": 1})
        accounts = (await admin.ask("{ accounts { nodes { login } } }")).data["accounts"]["nodes"]
        found["login"] = [one["login"] for one in accounts]
        lists = [(label, root) for label, root in ROOTS.items() if "order" in root.args]
        for who, (label, root) in itertools.product((admin, operator), lists):
            node = get_named_type(get_named_type(root.type).fields["nodes"].type)
            name, version = label.partition(".")[2], "version" if "version" in node.fields else ""
            answer = await who.ask(f"{{ {name} {{ edges {{ cursor node {{ id {version} }} }} }} }}")
            for edge in () if answer.errors else answer.data[name]["edges"]:
                found.setdefault(node.name, []).append(edge["node"]["id"])
                found.setdefault(f"{label}.after", []).append(edge["cursor"])
                versions[edge["node"]["id"]] = edge["node"].get("version", 1)
    await kernel.database.dispose()
    return found, versions


async def _make_case(admin: Client, mediator: Client, appointed: str, steps: int) -> None:
    """A case that has come this far."""
    parties = [{"side": Name(side), "name": "某方"} for side in ("APPLICANT", "RESPONDENT")]
    told = {"title": "邻里通行", "category": Name("NEIGHBOURS"), "facts": "通道堆物", "parties": parties}
    payload = await mediator.do("openMediationCase", told, read="mediationCase { id }")
    way = (
        (admin, "acceptMediationCase", {}),
        (admin, "assignMediation", {"mediatorId": appointed}),
        (mediator, "beginMediation", {"rightsTold": True}),
        (mediator, "agreeMediation", {"form": Name("ORAL"), "content": "互让一米"}),
        (mediator, "performMediation", {}),
    )
    for version, (who, step, more) in enumerate(way[:steps], 1):
        told = {"caseId": payload["mediationCase"]["id"], "version": version} | more
        assert (await who.do(step, told))["__typename"].endswith("Success")


def _fits(found: dict[str, list[str]]) -> dict[str, Any]:
    """The constants, and what was found under the names it has in arguments and input fields."""
    every = [one for kind, some in found.items() if "." not in kind for one in some]
    fits = FITS | {"ID": every, "caseId": found["MediationCase"], "guardianId": found["Person"]}
    fits |= {f"{kind[0].lower()}{kind[1:]}Id": some for kind, some in found.items()}
    fits |= {"tokenId": found["ApiToken"], "roleId": found["OwnRole"], "nodeId": found["Area"]}
    fits |= {"objectId": found["Area"], "Mutation.giveRole.login": fits.pop("loginId")}
    for label, root in ROOTS.items():
        fits[f"{label}.id"] = found.get(get_named_type(root.type).name, every)
        fits[f"{label}.after"] = fits[f"{label}.before"] = found.get(f"{label}.after", ["W10"])
    return fits

"""What asking who may do what costs, ours beside plain pycasbin, as grants grow; aim: 5 µs a check at 500,000.

``make bench-access``, within four minutes; ``BENCH_ARGS=--quick`` leaves the largest out. Nothing is asserted.
"""

import asyncio
import multiprocessing
import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import casbin
import psycopg
from big_platform import Size, fill
from servers import pss_mb

from gongzhi.core.api import (
    MODEL,
    Actor,
    Caller,
    Community,
    Credentials,
    Grant,
    Kernel,
    RoleTable,
    Row,
    Settings,
    case_of,
    enforcer,
    global_id,
    hash_token,
    new_token,
    opened,
    performing,
    role_rows,
)
from gongzhi.core.known_callers import MOST, KnownCallers
from gongzhi.tenants import policies
from gongzhi.tenants.service.grants import Grants

TENANTS = 2_000
SIZES = (100, 10_000, 500_000)
AIM = 5.0
#: Seconds a casbin may take at one size, loading included.
PATIENCE = 40.0
ROUNDS = 5
ASKED = (policies.HOUSEHOLD_READ, policies.PERSON_UNMASK, policies.GRANT_GIVE)

#: Seconds, bytes, megabytes by the names of :data:`LINES`.
Figures = dict[str, float]
Samples = dict[str, list[float]]

#: Two grants an account, at one place: in one of a hundred cases a street. Every tenth account's second one is the
#: own role of its community, where that has one.
_GRANTS = """
create temporary table more as
select a, ('00000000-0000-7000-8000-' || lpad(to_hex(a), 12, '0'))::uuid as account_id,
    case when a %% 100 = 99 then s.id else c.id end as node_id,
    case when a %% 100 = 99 then array['street_dispatcher', 'justice_reviewer']
        when o.id is not null and a / %(tenants)s %% 10 = 0 then array['community_officer', 'own:' || o.id]
        else array['community_officer', 'mediator'] end as roles
from generate_series(0, %(grants)s / 2 - 1) as a
join (select id, parent_id, row_number() over (order by path) - 1 as n from tenants.area
    where level = 'community') c on c.n = a %% %(tenants)s
join tenants.area s on s.id = c.parent_id
left join tenants.own_role o on o.node_id = c.id;
insert into tenants.account (id, login, display_name, active, created_at, version)
select account_id, 'account-' || a, '某人' || a, true, now(), 1 from more;
insert into tenants."grant" (id, account_id, role, node_id, valid_from, reason)
select gen_random_uuid(), account_id, role, node_id, now(), '试验' from more, unnest(roles) as role;
drop table more;
"""
_OWN_ROLES = """
insert into tenants.own_role (node_id, id, name, level, allowed, denied, included, version)
select id, gen_random_uuid(), '本社区工作者', 'community', '{tenants.person:unmask}', '{tenants.profile:record}',
    '{community_officer}', 1
from (select id, row_number() over (order by path) as n from tenants.area where level = 'community') c
where n % 40 = 1
"""
_HELD = (
    'select g.account_id::text, g.role, a.path from tenants."grant" g join tenants.area a on a.id = g.node_id'
)
_OWN = "select id::text, allowed, denied, included from tenants.own_role"


def grow(superuser: str, grants: int) -> float:
    """Give as many grants to accounts of their own; seconds that took."""
    begun = time.perf_counter()
    with psycopg.connect(superuser, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("set session_replication_role = replica; set role gongzhi_owner")
        connection.execute(_OWN_ROLES)
        connection.execute(_GRANTS, {"tenants": TENANTS, "grants": grants})
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute('vacuum (analyze) tenants."grant", tenants.account, tenants.own_role')
        connection.execute("checkpoint")
    return time.perf_counter() - begun


def rows_of(superuser: str, built_in: Iterable[Row]) -> list[Row]:
    """The whole policy as casbin reads it."""
    with psycopg.connect(superuser) as connection:
        own = [row for id_, *brings in connection.execute(_OWN) for row in role_rows(f"own:{id_}", *brings)]
        return [*built_in, *own, *(("g", *held) for held in connection.execute(_HELD))]


def each(calls: Iterable[Callable[[], object]], *, within: float = 10.0) -> list[float]:
    """Seconds of each of these calls, as many as are done within some time."""
    took: list[float] = []
    over = time.perf_counter() + within
    for call in calls:
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
        if time.perf_counter() > over:
            break
    return took


# Plain pycasbin, in a process of its own


def loaded(rows: Iterable[Row]) -> casbin.Enforcer:
    """Casbin with these rows laid into its model, as its file adapter does: adding them one by one is quadratic."""
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    for kind, *told in rows:
        model[kind][kind].policy.append(told)
    asked = casbin.Enforcer(model)
    asked.build_role_links()
    asked.add_named_domain_matching_func("g", str.startswith)
    return asked


def ask_casbin(told: Connection, superuser: str, built_in: list[Row], adding: bool) -> None:
    """Measure, and tell each figure as soon as it is known."""
    rows = rows_of(superuser, built_in)
    held = [row for row in rows if row[0] == "g" and row[3]]
    code, path = ASKED[0].code, held[0][3]
    elsewhere = random.Random(4).sample([row for row in held if row[3] != path], 40)
    told.send(("casbin rows", len(rows)))
    before, begun = pss_mb(os.getpid()), time.perf_counter()
    asked = loaded(rows)
    told.send(("casbin load", time.perf_counter() - begun))
    told.send(("casbin memory", pss_mb(os.getpid()) - before))
    asked.enforce(held[0][1], path, code)
    there = [row[1] for row in held if row[3] == path][:50]
    known = [(account, path, permission.code) for account in there for permission in ASKED]
    told.send(("casbin check", median(each(partial(asked.enforce, *one) for one in known * 5))))
    firsts = (partial(asked.enforce, row[1], row[3], code) for row in elsewhere)
    told.send(("casbin first", median(each(firsts))))
    if adding:
        told.send(("casbin add", each([partial(enforcer, rows)])[0]))


def casbin_beside(superuser: str, built_in: list[Row], grants: int) -> Figures:
    """What casbin costs with the same rows, as far as it gets in the time it has."""
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe(duplex=False)
    told = (there, superuser, built_in, grants <= 10_000)
    process = spawning.Process(target=ask_casbin, args=told, daemon=True)
    process.start()
    there.close()
    figures: Figures = {}
    over = time.monotonic() + PATIENCE
    with suppress(EOFError):
        while here.poll(max(0.0, over - time.monotonic())):
            name, figure = here.recv()
            figures[name] = figure
    if process.is_alive() and time.monotonic() > over:
        print(f"pycasbin was not done with {grants:,} grants within {PATIENCE:.0f} s")
        process.kill()
    process.join()
    return figures


# Ours


def checking(callers: list[Caller]) -> Samples:
    """A check by somebody known, and the first one at a place; seconds."""
    fresh = [Actor(roles=one.actor.roles, grants=one.actor.grants) for one in callers]
    places = [one.scope.path if one.scope else "" for one in callers]
    first = each(partial(one.may, ASKED[0], path) for one, path in zip(fresh, places, strict=True))
    questions = [(one.may, asked, path) for one, path in zip(fresh, places, strict=True) for asked in ASKED]
    turns = []
    for _ in range(20):
        begun = time.perf_counter()
        for may, asked, path in questions:
            may(asked, path)
        turns.append((time.perf_counter() - begun) / len(questions))
    return {"check": turns, "first": first}


def signing_in(superuser: str, grants: int, callers: int) -> list[Credentials]:
    """As many people who have just signed in, or all there are."""
    chosen = random.sample(range(grants // 2), min(callers, grants // 2))
    sessions = [(new_token("gzs_"), new_token("gzc_"), f"account-{one}") for one in chosen]
    with psycopg.connect(superuser) as connection:
        connection.cursor().executemany(
            "insert into tenants.session (token_hash, csrf_hash, account_id, created_at, expires_at) "
            "select %s, %s, id, now(), now() + interval '1 hour' from tenants.account where login = %s",
            [(hash_token(session), hash_token(csrf), login) for session, csrf, login in sessions],
        )
    return [Credentials(session=session, csrf=csrf) for session, csrf, _login in sessions]


async def looking_up(kernel: Kernel, sent: list[Credentials]) -> Samples:
    """Callers nobody knows yet, looked up in the database, and what they may do asked."""
    known, took, found = KnownCallers(kernel), [], []
    for one in sent:
        begun = time.perf_counter()
        found.append(await known.find(one))
        took.append(time.perf_counter() - begun)
    return {"look-up": took, **checking(found)}


async def keeping(kernel: Kernel, sent: list[Credentials]) -> float:
    """Bytes that a process keeps of a caller who was looked up and asked something."""
    known = KnownCallers(kernel)
    tracemalloc.start()
    for one in sent:
        caller = await known.find(one)
        caller.actor.may(ASKED[0], caller.scope.path if caller.scope else "")
    kept = tracemalloc.get_traced_memory()[0] / len(sent)
    tracemalloc.stop()
    return kept


async def giving(kernel: Kernel, grants: int, nodes: list[tuple[UUID, str]], times: int) -> Samples:
    """A grant and a revocation as commands, committed; by a community's admin, one after the other."""
    gave, took_back = [], []
    for node, path in random.choices(nodes, k=times):
        held = (Grant("community_admin", node, path),)
        caller = Caller(
            actor=Actor(roles=kernel.roles, grants=held, account_id=uuid4()), scope=Community(node, path)
        )
        login = f"account-{random.randrange(grants // 2)}"
        given = {"login": login, "role": "volunteer", "reason": "试验"}
        begun = time.perf_counter()
        row = await _perform(kernel, caller, Grants.give, given)
        gave.append(time.perf_counter() - begun)
        revoked = {"grant_id": global_id("Grant", row.id), "reason": "试验"}
        begun = time.perf_counter()
        await _perform(kernel, caller, Grants.revoke, revoked)
        took_back.append(time.perf_counter() - begun)
    return {"grant": gave, "revoke": took_back}


async def _perform(kernel: Kernel, caller: Caller, method: Any, told: dict[str, Any]) -> Any:
    case = case_of(method)
    async with performing(kernel, caller, case, told, operation=case.method) as performed:
        return performed.result


def compiling(kernel: Kernel, own: list[Row]) -> Figures:
    """The table of built-in roles, and with it what somebody's own role brings; seconds."""
    ask = kernel.plugins.ask
    parts = [ask(f"register_{what}") for what in ("roles", "permissions", "allows", "separations")]
    table = each(partial(RoleTable, *parts) for _ in range(50))
    theirs = [row for row in own if row[1] == own[0][1]]
    return {
        "table": median(table),
        "own role": median(each(partial(kernel.roles.with_rows, theirs) for _ in range(200))),
    }


# All of it

#: Name, what it says, unit, how many of the unit a second is (memory and counts: as they are).
LINES = (
    ("check", "ours: a check, caller known", "µs", 1e6),
    ("first", "ours: the first check at a place", "µs", 1e6),
    ("look-up", "ours: a caller nobody knows, from the database", "ms", 1e3),
    ("grant", "ours: a grant, committed", "ms", 1e3),
    ("revoke", "ours: a revocation, committed", "ms", 1e3),
    ("kept", "ours: memory of a known caller", "KB", 1 / 1024),
    ("casbin check", "pycasbin: a check at a known place", "µs", 1e6),
    ("casbin first", "pycasbin: the first check at a place", "ms", 1e3),
    ("casbin load", "pycasbin: rows laid into the model", "ms", 1e3),
    ("casbin add", "pycasbin: rows added one by one", "ms", 1e3),
    ("casbin memory", "pycasbin: memory of its model", "MB", 1),
    ("casbin rows", "pycasbin: rows", "", 1),
)


def tell(told: dict[int, Figures]) -> None:
    """The table: a column for each size, and how the last compares with the first."""
    print(f"\n{'':48}" + "".join(f"{size:>14,}" for size in told) + f"{'last / first':>14}")
    for name, said, unit, scale in LINES:
        figures = [one.get(name) for one in told.values()]
        columns = "".join(f"{'-' if one is None else f'{one * scale:,.2f}':>14}" for one in figures)
        ratio = f"{figures[-1] / figures[0]:,.2f}" if figures[0] and figures[-1] else "-"
        print(f"{f'{said}, {unit}'.removesuffix(', '):48}{columns}{ratio:>14}")
    for size, one in told.items():
        beside = (
            f"; pycasbin takes {one['casbin check'] / one['check']:,.0f} times as long"
            if "casbin check" in one
            else ""
        )
        verdict = "within" if one["check"] * 1e6 <= AIM else "ABOVE"
        print(f"{size:,} grants: a check {verdict} {AIM:.0f} µs{beside}")


def platforms(kernel: Kernel, sizes: Iterable[int]) -> dict[int, Kernel]:
    """A database of each size: copies of one with communities and nobody in them."""
    found = {}
    for size in sizes:
        address = replace(kernel.database.address, database=f"with_{size}")
        with psycopg.connect(
            address.url_for("postgres").replace(f"/with_{size}", "/postgres"), autocommit=True
        ) as all_:
            all_.execute(f"create database with_{size} template {kernel.database.address.database}")
        seconds = grow(address.url_for("postgres"), size)
        print(f"{size:,} grants over {TENANTS:,} communities: filled in {seconds:.0f} s", flush=True)
        found[size] = Kernel.at(address, kernel.settings, kernel.plugins)
    return found


async def rounds(kernels: dict[int, Kernel], *, callers: int, times: int) -> dict[int, Figures]:
    """All sizes in turn, again and again, so that what else the machine does falls on all alike."""
    samples: dict[int, Samples] = {size: defaultdict(list) for size in kernels}
    told: dict[int, Figures] = {size: {} for size in kernels}
    for number in range(-1, ROUNDS):
        for size, kernel in kernels.items():
            superuser = kernel.database.address.url_for("postgres")
            sent = signing_in(superuser, size, callers // ROUNDS)
            with psycopg.connect(superuser) as connection:
                query = "select id, path from tenants.area where level = 'community'"
                nodes = connection.execute(query).fetchall()
            came = await looking_up(kernel, sent) | await giving(kernel, size, nodes, times // ROUNDS)
            # The first round pays for connections, statements and caches.
            for name, some in came.items() if number >= 0 else ():
                samples[size][name] += some
            if number == ROUNDS - 1:
                told[size]["kept"] = await keeping(kernel, sent)
    return {
        size: {name: median(some) for name, some in samples[size].items()} | told[size] for size in kernels
    }


async def measure(kernel: Kernel, sizes: Iterable[int], *, callers: int, times: int) -> None:
    """All of it."""
    await kernel.migrate()
    fill(kernel.database.address.url_for("postgres"), Size(TENANTS, TENANTS))
    await kernel.database.dispose()
    kernels = platforms(kernel, sizes)
    told = await rounds(kernels, callers=callers, times=times)
    resident = pss_mb(os.getpid())
    largest = max(kernels)
    for size, one in kernels.items():
        await one.database.dispose()
        told[size] |= casbin_beside(one.database.address.url_for("postgres"), kernel.roles.rows, size)
    tell(told)
    rows = rows_of(kernels[largest].database.address.url_for("postgres"), ())
    compiled = compiling(kernel, [row for row in rows if row[1].startswith("own:")])
    print(f"compiling: the table of roles {compiled['table'] * 1e3:.2f} ms, once a process;")
    print(
        f"  with somebody's own role {compiled['own role'] * 1e3:.2f} ms, part of the look-up of who holds one"
    )
    print(f"a process keeps {MOST:,} callers at most: {told[largest]['kept'] * MOST / 2**20:,.0f} MB")
    print(f"memory of this process once it had asked all: {resident:,.0f} MB")


def main(arguments: list[str]) -> None:
    """On an embedded database of its own, as durable as it comes."""
    quick = "--quick" in arguments
    random.seed(4)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        settings = Settings.load({**os.environ, "GONGZHI_DATA_DIR": folder, "GONGZHI_LOG_LEVEL": "error"})
        with opened(settings) as kernel:
            sizes = SIZES[:-1] if quick else SIZES
            asyncio.run(measure(kernel, sizes, callers=150 if quick else 1_000, times=50 if quick else 250))
    print(f"{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main(sys.argv[1:])

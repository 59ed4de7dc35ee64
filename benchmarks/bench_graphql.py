"""GraphQL measured against its peers: a hand-written server (the limit), PostGraphile, and gongzhi.

The same data, the same PostgreSQL, one process each, turn by turn in one run; absolute figures and ratios.
Run it by ``make bench-graphql``; ``--help`` tells the variants. This file must never be called graphql.py: it would
shadow graphql-core.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from big_platform import Community, Size, fill
from many_documents import many_documents
from measuring import Contender, Results, compare, measure
from psycopg.sql import SQL
from servers import PeerMissing, Server, gongzhi, limit, postgraphile
from telling import LIMIT, OURS, PEER, show, tell_memory, tell_ratios, tell_steadiness, tell_versions
from workload import LONG, QUESTIONS, ask_gongzhi, ask_limit, ask_postgraphile

from gongzhi.core.api import Settings, opened

#: Cases of a community, where they are spread evenly.
CASES = 500
#: Communities, rounds, seconds of a turn.
_WHOLE, _QUICK = (2000, 6, 2.0), (50, 2, 1.0)
#: Settings of whoever calls that would lead to another database, or away from how users run it.
_NOT_OURS = tuple(
    f"GONGZHI_{name}"
    for name in ("CONFIG", "DATABASE_URL", "DATABASE_ADMIN_URL", "HOST", "KEY_FILE", "MODE", "PORT")
)
_ASKERS = {LIMIT: ask_limit, PEER: ask_postgraphile, OURS: ask_gongzhi}


@dataclass
class Platform:
    """A filled platform on an embedded PostgreSQL of its own."""

    folder: Path
    size: Size
    url: str
    socket: dict[str, str]
    postmaster: int
    communities: list[Community]


@contextmanager
def filled(size: Size, parent: Path, options: argparse.Namespace) -> Iterator[Platform]:
    """Make a platform of this size; its database ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="platform-", dir=parent))
    folder.chmod(0o711)
    settings = Settings.load({**os.environ, "GONGZHI_DATA_DIR": str(folder)})
    if options.shared_buffers is not None:
        with (
            opened(settings) as kernel,
            psycopg.connect(kernel.database.address.url_for("postgres")) as setter,
        ):
            setter.autocommit = True
            setter.execute(SQL("alter system set shared_buffers = {}").format(options.shared_buffers))
    with opened(settings) as kernel:

        async def migrate() -> None:
            await kernel.migrate()
            await kernel.database.dispose()

        asyncio.run(migrate())
        address = kernel.database.address
        communities = fill(address.url_for("postgres"), size, clustered=options.cluster)
        postmaster = next(folder.rglob("postmaster.pid")).read_text().split()[0]
        yield Platform(
            folder, size, address.url_for("gongzhi_app"), dict(address.options), int(postmaster), communities
        )


def started(stack: ExitStack, name: str, platform_: Platform) -> Server | None:
    """The server of this name on this platform, or None where it cannot be installed."""
    folder = platform_.folder
    try:
        if name == LIMIT:
            return stack.enter_context(limit(folder, platform_.url))
        if name == PEER:
            return stack.enter_context(postgraphile(folder, platform_.socket))
    except PeerMissing as missing:
        print(f"\n!!! measured WITHOUT {name}: it cannot be installed here: {missing}\n", flush=True)
        return None
    return stack.enter_context(gongzhi(folder))


def callers(name: str, server: Server, platform_: Platform) -> list[Contender]:
    """Who asks this server: everybody, or the large community and the small ones apart."""
    size, communities, ask = platform_.size, platform_.communities, _ASKERS[name]
    if not size.skewed:
        return [Contender(name, server, ask, communities, platform_.postmaster)]
    # A small community may have fewer cases than the longest list shows.
    few = size.cases // 2 // (size.tenants - 1)
    skipped = frozenset(question.name for question in QUESTIONS if question.first > few)
    return [
        Contender(f"{name}, large", server, ask, communities[:1], platform_.postmaster),
        Contender(f"{name}, small", server, ask, communities[1:], platform_.postmaster, skipped),
    ]


def side_by_side(options: argparse.Namespace, parent: Path) -> bool:
    """All servers on one platform; True when every answer was a success."""
    size = Size(options.tenants, options.cases or options.tenants * CASES, options.skew)
    with ExitStack() as stack:
        made = stack.enter_context(filled(size, parent, options))
        servers = {name: started(stack, name, made) for name in options.only}
        running = {name: server for name, server in servers.items() if server is not None}
        print("processes: " + ", ".join(f"{name} {server.pid}" for name, server in running.items()))
        tell_versions(made.url)
        if options.documents:
            many_documents(running, _ASKERS, made.communities, made.postmaster, options)
            return True
        contenders = [one for name, server in running.items() for one in callers(name, server, made)]
        results = asked(contenders, options)
        for caller in ("", ", large", ", small") if size.skewed else ("",):
            tell_ratios(results, options.questions, caller)
        if size.skewed:
            tell_steadiness(results, options.questions, [f"{OURS}, small", f"{OURS}, large"])
        tell_memory(running)
    return not any(measured.errors for measured in results.values())


def steady(options: argparse.Namespace, parent: Path) -> bool:
    """Gongzhi alone, on platforms of several shapes: does its p50 stay where it is?"""
    many = Size(options.tenants, options.tenants * CASES)
    shapes = (many, Size(10, 10 * CASES), Size(options.tenants, options.tenants * CASES, skewed=True))
    contenders: list[Contender] = []
    with ExitStack() as stack:
        for size in shapes:
            made = stack.enter_context(filled(size, parent, options))
            server = stack.enter_context(gongzhi(made.folder))
            for one in callers(OURS, server, made):
                whose = one.name.removeprefix(OURS).removeprefix(", ")
                one.name = f"the {whose} of {size.tenants:,}" if whose else f"{size.tenants:,} even"
                contenders.append(one)
        results = asked(contenders, options)
    tell_steadiness(results, options.questions, [contender.name for contender in contenders])
    return not any(measured.errors for measured in results.values())


def asked(contenders: Sequence[Contender], options: argparse.Namespace) -> Results:
    """Check that everybody answers alike, measure, print the absolute figures."""
    compare(contenders, options.questions)
    results = measure(
        contenders,
        options.questions,
        rounds=options.rounds,
        seconds=options.seconds,
        at_once=options.at_once,
    )
    show(results, contenders, options.questions)
    return results


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure gongzhi's GraphQL against its peers.")
    parser.add_argument("--tenants", type=int, help="communities (default 2000)")
    parser.add_argument("--cases", type=int, help=f"cases in all (default {CASES} for each community)")
    parser.add_argument("--skew", action="store_true", help="one community holds half of the cases")
    parser.add_argument(
        "--steady", action="store_true", help="gongzhi alone: many, ten, and skewed, in one run"
    )
    parser.add_argument(
        "--documents", type=int, default=0, help="send so many different documents; tell memory"
    )
    parser.add_argument("--most-seconds", type=float, default=300, help="for --documents, each server")
    parser.add_argument("--quick", action="store_true", help="50 communities, short turns: under 90 seconds")
    parser.add_argument("--rounds", type=int, help="default 6")
    parser.add_argument("--seconds", type=float, help="of one turn (default 2)")
    parser.add_argument("--at-once", type=int, default=16, help="connections of the client")
    parser.add_argument("--shared-buffers", help="of PostgreSQL, such as 1GB (default: as it comes)")
    parser.add_argument(
        "--cluster", action="store_true", help="a community's cases lie side by side, not by time"
    )
    parser.add_argument("--only", default=f"{LIMIT},{PEER},{OURS}", help="servers, comma between")
    parser.add_argument("--questions", default=",".join(question.name for question in QUESTIONS))
    options = parser.parse_args(arguments)
    tenants, rounds, seconds = _QUICK if options.quick else _WHOLE
    options.tenants = options.tenants or tenants
    options.rounds = options.rounds or rounds
    options.seconds = options.seconds or seconds
    options.only = [name for name in _ASKERS if name in options.only.split(",")]
    options.questions = [question for question in QUESTIONS if question.name in options.questions.split(",")]
    return options


def main() -> int:
    """Measure and print; 1 when an answer was no success."""
    begun = time.monotonic()
    options = options_of(sys.argv[1:])
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if LONG < 500:
        print(f"!!! lists show {LONG} rows at most, so the long one has {LONG} instead of 500")
    with tempfile.TemporaryDirectory(prefix="gongzhi-bench-") as folder:
        Path(folder).chmod(0o711)
        good = (steady if options.steady else side_by_side)(options, Path(folder))
    print(f"\n{time.monotonic() - begun:.0f} s in all")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

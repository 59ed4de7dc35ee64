"""What is printed: absolute figures, ratios and whether the bars are met, the machine, memory."""

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import psycopg
from measuring import BOTH_CPU, CPU, P50, P99, RATE, Contender, Measured, Results, Sample
from servers import Server, peak_mb, pss_mb
from workload import Question

OURS, PEER, LIMIT = "gongzhi", "postgraphile", "limit"


def spread(values: Sequence[float], digits: int) -> str:
    """Median (least to most)."""
    if not values:
        return "-"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def show(results: Results, contenders: Sequence[Contender], questions: Sequence[Question]) -> None:
    """Print the absolute figures: median over the rounds, least and most."""
    heads = (
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server CPU ms",
        "database CPU ms",
        "client CPU ms",
        "errors",
    )
    for question in questions:
        rows = [heads]
        for contender in contenders:
            measured = results.get((question.name, contender.name))
            if measured is None:
                continue
            rows.append(
                (
                    contender.name,
                    spread(measured.of(RATE), 0),
                    spread(measured.of(P50), 2),
                    spread(measured.of(P99), 2),
                    spread(measured.of(CPU), 3),
                    spread(measured.of(lambda sample: sample.database_cpu), 3),
                    f"{statistics.median(measured.of(lambda sample: sample.client_cpu)):.3f}",
                    str(measured.errors),
                )
            )
        print(f"\n{question.said}")
        table(rows)


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def ratios(
    results: Results, question: Question, ours: str, theirs: str, what: Callable[[Sample], float]
) -> list[float]:
    """Ours by theirs, round by round; empty where one of them was not measured."""
    mine, other = (results.get((question.name, name), Measured()).of(what) for name in (ours, theirs))
    return [one / two for one, two in zip(mine, other, strict=False) if two]


def tell_versions(url: str) -> None:
    """Print the machine and what runs on it."""
    about = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in about if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    with psycopg.connect(url) as connection:
        told = connection.execute("select version(), current_setting('shared_buffers')").fetchone()
    assert told is not None
    packages = ("gongzhi", "strawberry-graphql", "graphql-core", "sqlalchemy", "asyncpg", "uvicorn", "uvloop")
    print(
        f"machine: {[*models, platform.machine()][0]}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"
    )
    print(f"load before: {os.getloadavg()[0]:.2f} (others share the machine where it is above 1)")
    print(f"database: {told[0].split(' on ')[0]}, shared_buffers {told[1]}, row-level security on")
    print(f"Python {platform.python_version()}: " + ", ".join(f"{name} {version(name)}" for name in packages))
    print(f"command: {' '.join(sys.argv)}\n", flush=True)


def tell_ratios(results: Results, questions: Sequence[Question], caller: str) -> None:
    """Print ours by each peer's, paired round by round, and whether the bars are met."""
    for place, peer in enumerate((PEER, LIMIT)):
        heads = ("", "requests/s", "requests per CPU second", "the database's CPU counted", "p50", "bar")
        rows: list[tuple[str, ...]] = [heads]
        for question in questions:
            rates, costs, both, medians = (
                ratios(results, question, OURS + caller, peer + caller, what)
                for what in (RATE, CPU, BOTH_CPU, P50)
            )
            if not rates:
                continue
            bar = question.bars[place]
            met = "-" if bar is None else f"{bar} {'met' if statistics.median(rates) >= bar else 'MISSED'}"
            worth = [[1 / cost for cost in some if cost] for some in (costs, both)]
            figures = (spread(some, 2) for some in (rates, *worth, medians))
            rows.append((question.said, *figures, met))
        if len(rows) > 1:
            print(f"\n{OURS}{caller} / {peer}{caller}")
            table(rows)


def tell_steadiness(results: Results, questions: Sequence[Question], names: Sequence[str]) -> None:
    """Print each p50 and cost by the first one's, paired round by round; the bar for p50 is a tenth."""
    for said, what in (("p50", P50), ("CPU of server and database", BOTH_CPU)):
        print(f"\n{said} by that of {names[0]}" + (" (bar: within 10 %)" if what is P50 else ""))
        rows = [("", *names[1:])]
        for question in questions:
            found = [ratios(results, question, name, names[0], what) for name in names[1:]]
            rows.append((question.said, *(spread(one, 2) + _steady(one, what is P50) for one in found)))
        table(rows)


def _steady(found: Sequence[float], measured: bool) -> str:
    if not found or not measured:
        return ""
    return " met" if abs(statistics.median(found) - 1) <= 0.1 else " MISSED"


def tell_memory(running: Mapping[str, Server]) -> None:
    """Print what each server held at most, and what it holds now."""
    peaks = {name: peak_mb(server.pid) for name, server in running.items()}
    print("\nmemory of the server's process, MB")
    table(
        [("", "peak (VmHWM)", "now (PSS)")]
        + [(name, f"{peaks[name]:.0f}", f"{pss_mb(server.pid):.0f}") for name, server in running.items()]
    )
    if OURS in peaks and PEER in peaks:
        ratio = peaks[OURS] / peaks[PEER]
        print(f"  {OURS} / {PEER}: {ratio:.2f} (bar: below 0.5, {'met' if ratio < 0.5 else 'MISSED'})")

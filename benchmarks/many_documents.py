"""Documents that are never the same: does a server's memory stay within its caches' bounds?"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from big_platform import Community
from load import encoded, load
from servers import Server, backends, peak_mb, pss_mb
from telling import table
from workload import QUESTIONS, Asker

#: When memory is looked at: after so many documents.
_LOOKS = (1_000, 2_000, 5_000, 10_000, 20_000, 35_000, 50_000, 75_000, 100_000, 200_000, 500_000)
#: The row of the table by which caches of a thousand are full, also one on each of ten connections.
_FULL = 5


def many_documents(
    running: Mapping[str, Server],
    askers: Mapping[str, Asker],
    communities: Sequence[Community],
    postmaster: int,
    options: argparse.Namespace,
) -> None:
    """Send so many documents to each GraphQL server, within its time; print what it holds on the way."""
    for name, server in running.items():
        if name == "limit":
            continue
        rows = [("documents", "a second", "server PSS MB", "server peak MB", "database PSS MB", "errors")]
        sent, until = 0, time.monotonic() + options.most_seconds
        rows.append(("0", "-", *_held(server, postmaster), "0"))
        documents = _documents(askers[name], communities)
        marks = [mark for mark in _LOOKS if mark < options.documents] + [options.documents]
        for mark in marks:
            left = until - time.monotonic()
            if left <= 0:
                break
            some = (document for _number, document in zip(range(mark - sent), documents, strict=False))
            turn = load(server.port, some, b'"data"', left, options.at_once)
            sent += len(turn.took)
            rows.append((f"{sent:,}", f"{turn.rate:.0f}", *_held(server, postmaster), str(turn.errors)))
            if turn.errors:
                print(f"{name}: {turn.errors} errors, such as {turn.complaint}")
        print(f"\n{name}: {sent:,} different documents")
        table(rows)
        full = rows[min(_FULL, len(rows) - 2)]
        grown, beside = (float(rows[-1][column]) - float(full[column]) for column in (2, 4))
        print(
            f"  since {full[0]} the process grew by {grown:.0f} MB, its database by {beside:.0f} MB",
            flush=True,
        )


def _held(server: Server, postmaster: int) -> tuple[str, str, str]:
    """What server and database hold at the moment."""
    database = sum(pss_mb(pid) for pid in (postmaster, *backends(postmaster)))
    return f"{pss_mb(server.pid):.0f}", f"{peak_mb(server.pid):.0f}", f"{database:.0f}"


def _documents(ask: Asker, communities: Sequence[Community]) -> Iterator[bytes]:
    """The short question again and again, its fields called otherwise each time."""
    question = QUESTIONS[0]
    number = 0
    while True:
        community = communities[number % len(communities)]
        head, _, body = ask(question, community, community.cases[0]).partition(b"\r\n\r\n")
        asked = msgspec.json.decode(body)
        asked["query"] = (
            asked["query"].replace("number", f"n{number}: number").replace("title", f"t{number}: title")
        )
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        del fields["Content-Length"]
        yield encoded("/graphql", fields, msgspec.json.encode(asked))
        number += 1

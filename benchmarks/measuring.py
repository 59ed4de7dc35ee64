"""Measuring servers side by side: a turn each, round after round, and what the rounds have in common."""

import http.client
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from big_platform import GRIDS, LAST_NUMBER, Community
from load import Turn, load
from servers import Server, backends, cpu_seconds
from workload import Asker, Question, content, number_for, requests

#: More mutations than any server does in a second.
_MOST_WRITES = 5000


@dataclass
class Contender:
    """A server, as one kind of caller meets it.

    :param postmaster: the process of its database server.
    :param skipped: the names of the questions its communities have too few cases for.
    """

    name: str
    server: Server
    ask: Asker
    communities: Sequence[Community]
    postmaster: int
    skipped: frozenset[str] = frozenset()

    def answer(self, question: Question, community: Community, about: object) -> bytes:
        """The body of one answer.

        :raises AssertionError: it is no success.
        """
        head, _, body = self.ask(question, community, about).partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = dict(told.split(": ", 1) for told in fields)
        connection.request("POST", line.split(" ")[1], body, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        assert answer.status == 200, (self.name, answer.status, read[:600].decode(errors="replace"))
        assert b'"errors"' not in read, (self.name, read[:600].decode(errors="replace"))
        return read


@dataclass
class Sample:
    """One turn of one contender; processor times are milliseconds a request."""

    turn: Turn
    server_cpu: float
    database_cpu: float
    client_cpu: float


@dataclass
class Measured:
    """What came of all rounds of one question at one contender."""

    samples: list[Sample] = field(default_factory=list)

    def of(self, what: Callable[[Sample], float]) -> list[float]:
        """One figure of each round."""
        return [what(sample) for sample in self.samples]

    @property
    def errors(self) -> int:
        """Answers that were no success."""
        return sum(sample.turn.errors for sample in self.samples)


Results = dict[tuple[str, str], Measured]

RATE: Callable[[Sample], float] = lambda sample: sample.turn.rate  # noqa: E731  # five of a kind
P50: Callable[[Sample], float] = lambda sample: sample.turn.percentile(0.5)  # noqa: E731
P99: Callable[[Sample], float] = lambda sample: sample.turn.percentile(0.99)  # noqa: E731
CPU: Callable[[Sample], float] = lambda sample: sample.server_cpu  # noqa: E731
BOTH_CPU: Callable[[Sample], float] = lambda sample: sample.server_cpu + sample.database_cpu  # noqa: E731


def compare(contenders: Sequence[Contender], questions: Sequence[Question]) -> None:
    """Ask everybody the same and go on only if the answers agree in content.

    :raises AssertionError: they do not; with both.
    """
    for question in questions:
        told: dict[tuple[int, UUID], list[tuple[str, Any]]] = {}
        for contender in contenders:
            if question.name in contender.skipped:
                continue
            community = contender.communities[0]
            about = number_for(question, community) if question.writes else community.cases[0]
            answered = content(contender.answer(question, community, about))
            if question.writes:
                assert answered.get("code", f"{community.code}{about:03}") == f"{community.code}{about:03}"
                for own in {"id", "code", "name", "number"} & answered.keys():
                    assert answered.pop(own)
            elif question.first:
                assert len(answered) == question.first, (contender.name, len(answered))
            told.setdefault((contender.postmaster, community.id), []).append((contender.name, answered))
        for answers in told.values():
            for name, answered in answers[1:]:
                assert answered == answers[0][1], f"{question.said}: {answers[0]} is not {(name, answered)}"
    print(f"answers agree: {', '.join(question.said for question in questions)}")


def measure(
    contenders: Sequence[Contender],
    questions: Sequence[Question],
    *,
    rounds: int,
    seconds: float,
    at_once: int,
) -> Results:
    """Measure in turns: each round asks every question of every contender; the first of a round changes."""
    results: Results = defaultdict(Measured)
    for contender in contenders:
        _greet(contender, questions[0], at_once)
    for number in range(-1, rounds):
        for question in questions:
            taking_part = [contender for contender in contenders if question.name not in contender.skipped]
            shift = number % len(taking_part)
            for contender in taking_part[shift:] + taking_part[:shift]:
                most = _most_writes(question, contender, len(taking_part) * (rounds + 1), seconds)
                sample = _sample(contender, question, most, seconds, at_once, seed=number)
                if number >= 0:
                    results[question.name, contender.name].samples.append(sample)
        print("warm" if number < 0 else f"round {number + 1} of {rounds}", flush=True)
    return results


def _greet(contender: Contender, question: Question, at_once: int) -> None:
    """Have every community ask once, so that whoever keeps what he knows of callers knows them all."""
    if question.writes or question.name in contender.skipped:
        return
    once = [contender.ask(question, community, community.cases[0]) for community in contender.communities]
    turn = load(contender.server.port, iter(once), question.expected, 120, at_once)
    print(
        f"{contender.name}: {len(once):,} callers asked for the first time, {turn.rate:,.0f} a second",
        flush=True,
    )


def _most_writes(question: Question, contender: Contender, turns: int, seconds: float) -> int:
    """How many mutations a turn may send; grids so that their numbers last for all turns."""
    if question.name != "draw":
        return int(seconds * _MOST_WRITES)
    numbers = len(contender.communities) * (LAST_NUMBER - GRIDS - 10)
    return min(int(seconds * _MOST_WRITES), numbers // turns)


def _sample(
    contender: Contender, question: Question, most_writes: int, seconds: float, at_once: int, *, seed: int
) -> Sample:
    sent = requests(question, contender.ask, contender.communities, most_writes, seed)
    pid = contender.server.pid
    before, database_before = cpu_seconds(pid), backends(contender.postmaster)
    turn = load(contender.server.port, sent, question.expected, seconds, at_once)
    spent = cpu_seconds(pid) - before
    database = sum(
        now - database_before.get(backend, 0.0) for backend, now in backends(contender.postmaster).items()
    )
    answers = max(1, len(turn.took))
    if turn.errors == len(turn.took):
        raise RuntimeError(f"{contender.name} gives no good answer: {turn.complaint}")
    if turn.errors:
        print(
            f"{contender.name}, {question.said}: {turn.errors} errors, such as {turn.complaint}", flush=True
        )
    return Sample(turn, spent / answers * 1000, database / answers * 1000, turn.client_cpu / answers * 1000)

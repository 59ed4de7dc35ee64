"""The rules of mediation on a given day, with their legal basis."""

import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("mediation.toml")


@dataclass(frozen=True)
class Rule:
    """A rule's value from one day to another, and the article it stands on."""

    rule: str
    value: int
    since: dt.date
    until: dt.date | None
    basis: str


@cache
def _rules() -> tuple[Rule, ...]:
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["rule"]
    return tuple(Rule(row["rule"], row["value"], row["from"], row.get("to"), row["basis"]) for row in rows)


def rule_on(name: str, day: dt.date) -> Rule:
    """The rule as it stood on this day.

    :raises LookupError: there was no such rule then.
    """
    for rule in _rules():
        if rule.rule == name and rule.since <= day and (rule.until is None or day < rule.until):
            return rule
    raise LookupError(f"no rule {name} on {day}")

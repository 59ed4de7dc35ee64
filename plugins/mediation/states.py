"""The life of a case, as data: from which states each step may be taken, and where it leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gongzhi.core.api import WrongState


class CaseState(StrEnum):
    """Where a case stands."""

    SCREENING = "screening"
    NOT_ACCEPTED = "not_accepted"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    IN_MEDIATION = "in_mediation"
    AGREED = "agreed"
    PERFORMED = "performed"
    TERMINATED = "terminated"
    CLOSED = "closed"


@dataclass(frozen=True)
class Transition:
    """A step: the states it may be taken from, and the state it leads to."""

    since: frozenset[CaseState]
    to: CaseState


_S = CaseState

TRANSITIONS: Mapping[str, Transition] = {
    "accept": Transition(frozenset({_S.SCREENING}), _S.ACCEPTED),
    "decline": Transition(frozenset({_S.SCREENING}), _S.NOT_ACCEPTED),
    "assign": Transition(frozenset({_S.ACCEPTED, _S.ASSIGNED}), _S.ASSIGNED),
    "begin": Transition(frozenset({_S.ASSIGNED}), _S.IN_MEDIATION),
    "agree": Transition(frozenset({_S.IN_MEDIATION}), _S.AGREED),
    "terminate": Transition(frozenset({_S.ACCEPTED, _S.ASSIGNED, _S.IN_MEDIATION}), _S.TERMINATED),
    "perform": Transition(frozenset({_S.AGREED}), _S.PERFORMED),
    "close": Transition(frozenset({_S.PERFORMED, _S.TERMINATED}), _S.CLOSED),
}


def next_state(state: CaseState, step: str) -> CaseState:
    """Where this step leads.

    :raises WrongState: it may not be taken now; the message names those that may.
    """
    transition = TRANSITIONS[step]
    if state not in transition.since:
        allowed = [name for name, possible in TRANSITIONS.items() if state in possible.since]
        raise WrongState(state=state.value, step=step, allowed=", ".join(allowed) or "-")
    return transition.to

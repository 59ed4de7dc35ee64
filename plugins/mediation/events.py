"""Facts about cases that other rooms may hear."""

from typing import ClassVar

from gongzhi.core.api import Event


class CaseAccepted(Event, frozen=True):
    """A committee accepted a case."""

    name: ClassVar[str] = "mediation.case_accepted/1"

    case_id: str
    category: str
    on: str


class CaseAgreed(Event, frozen=True):
    """The parties of a case agreed."""

    name: ClassVar[str] = "mediation.case_agreed/1"

    case_id: str


class CaseClosed(Event, frozen=True):
    """A case was closed, settled or not."""

    name: ClassVar[str] = "mediation.case_closed/1"

    case_id: str
    category: str
    outcome: str
    on: str


EVENTS = (CaseAccepted, CaseAgreed, CaseClosed)

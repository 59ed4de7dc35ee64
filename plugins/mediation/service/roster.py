"""The roster of mediators, which the community publishes."""

import datetime as dt
from typing import Annotated

from gongzhi.core.api import Input, Invalid, Service, sort_key, told, use_case
from gongzhi.plugins.mediation import policies
from gongzhi.plugins.mediation.models import Mediator


class TermTooShort(Invalid):
    """A term ends after it begins."""

    code = "MEDIATION_TERM_TOO_SHORT"
    zh = "聘期结束日期须晚于聘任日期"
    en = "A term ends after it begins"


class AppointMediator(Input, frozen=True):
    """A mediator and the term of appointment (聘任)."""

    name: Annotated[str, told("The name on the published roster (姓名).", min_length=1, max_length=60)]
    appointed_on: Annotated[dt.date, told("The first day of the term (聘任日期).")]
    term_ends_on: Annotated[dt.date, told("The last day of the term (聘期截止).")]


class Mediators(Service):
    """The mediators of one community."""

    @use_case(policies.ROSTER_KEEP)
    async def appoint(self, appointed: AppointMediator) -> Mediator:
        """Put a mediator on the roster (聘任调解员)."""
        if appointed.term_ends_on <= appointed.appointed_on:
            raise TermTooShort(path="termEndsOn")
        name = appointed.name.strip()
        mediator = Mediator(
            name=name,
            sort_key=sort_key(name),
            appointed_on=appointed.appointed_on,
            term_ends_on=appointed.term_ends_on,
        )
        self.session.add(mediator)
        return mediator

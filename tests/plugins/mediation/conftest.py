"""Mediation as its services see it: cases opened and led to a state, in a community of the test's own."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from gongzhi.core.system import system_work
from gongzhi.plugins.mediation.models import AgreementForm, Case, Category, Mediator, Side
from gongzhi.plugins.mediation.service.cases import TakeStep
from gongzhi.plugins.mediation.service.intake import (
    AcceptCase,
    DeclineCase,
    MediationCases,
    NewParty,
    OpenCase,
)
from gongzhi.plugins.mediation.service.mediating import (
    AssignCase,
    BeginMediation,
    Mediations,
    ReachAgreement,
    TerminateMediation,
)
from gongzhi.plugins.mediation.service.roster import AppointMediator, Mediators

#: Step to (service, its input, what is told besides case and version).
STEPS: dict[str, tuple[type, type, dict[str, Any]]] = {
    "accept": (MediationCases, AcceptCase, {}),
    "decline": (MediationCases, DeclineCase, {"reason": "不属于民间纠纷"}),
    "assign": (Mediations, AssignCase, {}),
    "begin": (Mediations, BeginMediation, {"rights_told": True}),
    "agree": (Mediations, ReachAgreement, {"form": AgreementForm.ORAL, "content": "互谅互让，各退一步"}),
    "terminate": (Mediations, TerminateMediation, {"reason": "双方分歧过大", "remedy_told": True}),
    "perform": (Mediations, TakeStep, {}),
    "close": (Mediations, TakeStep, {}),
}

#: State to the steps that lead there from a new case.
WAYS: dict[str, tuple[str, ...]] = {
    "screening": (),
    "not_accepted": ("decline",),
    "accepted": ("accept",),
    "assigned": ("accept", "assign"),
    "in_mediation": ("accept", "assign", "begin"),
    "agreed": ("accept", "assign", "begin", "agree"),
    "performed": ("accept", "assign", "begin", "agree", "perform"),
    "terminated": ("accept", "terminate"),
    "closed": ("accept", "terminate", "close"),
}


@dataclass
class Desk:
    """The work of one community's committee; everybody there may do everything, unless a role is told."""

    kernel: Any
    working: Any
    scope: Any

    @asynccontextmanager
    async def work(self, role: str | None = None):
        """A unit of work: as the platform itself, or as somebody with this role."""
        options = {"actor": self.kernel.robot("test")} if role is None else {}
        async with self.working(role, **options) as work:
            yield work

    async def open(
        self, *, parties: list[NewParty] | None = None, role: str | None = None, **told: Any
    ) -> Case:
        """Take down a dispute of two sides."""
        told.setdefault("title", "邻里通行")
        told.setdefault("category", Category.NEIGHBOURS)
        told.setdefault("facts", "两家因通道堆物争执")
        sides = [NewParty(side=Side.APPLICANT, name="甲方"), NewParty(side=Side.RESPONDENT, name="乙方")]
        async with self.work(role) as work:
            return await MediationCases(work).open(
                OpenCase(parties=sides if parties is None else parties, **told)
            )

    async def appoint(self, since, until, *, name: str = "试调解员", role: str | None = None) -> Mediator:
        """Put a mediator on the roster."""
        told = AppointMediator(name=name, appointed_on=since, term_ends_on=until)
        async with self.work(role) as work:
            return await Mediators(work).appoint(told)

    async def take(self, step: str, case: Case, *, role: str | None = None, **told: Any) -> Case:
        """Take a step with a case, of the version it has here unless told."""
        service, kind, besides = STEPS[step]
        asked = {"case_id": case.id, "version": case.version} | besides | told
        async with self.work(role) as work:
            return await getattr(service(work), step)(kind(**asked))

    async def lead(self, state: str, mediator: Mediator, **told: Any) -> Case:
        """A new case, led to this state."""
        case = await self.open(**told)
        for step in WAYS[state]:
            case = await self.take(step, case, **self.needed(step, mediator))
        assert case.state == state
        return case

    @staticmethod
    def needed(step: str, mediator: Mediator) -> dict[str, Any]:
        """What a step is told that only the test knows."""
        return {"mediator_id": mediator.id} if step == "assign" else {}

    async def rows(self, model: type) -> list[Any]:
        """The community's rows of a model, in the order they came."""
        async with system_work(self.kernel) as work:
            key = getattr(model, "tenant_id", None) or model.scope_id
            query = select(model).where(key == self.scope.node).order_by(model.id)
            return list((await work.session.scalars(query)).all())


@pytest.fixture
def desk(kernel, working, county) -> Desk:
    """The committee of the county's first community."""
    return Desk(kernel, working, county.scope())


@pytest.fixture
def mediator(desk, event_loop) -> Mediator:
    """A mediator whose term neither begins nor ends within a test."""
    from datetime import date

    return event_loop.run(desk.appoint(date(2000, 1, 1), date(2099, 12, 31)))

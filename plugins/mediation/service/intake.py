"""Intake: a dispute is told, taken down, and accepted or not."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import SHANGHAI, Input, Invalid, next_number, ref, today, told, use_case
from gongzhi.plugins.mediation import events, policies
from gongzhi.plugins.mediation.models import Case, Category, Dispute, Party, Side, Source
from gongzhi.plugins.mediation.rules import rule_on
from gongzhi.plugins.mediation.service.cases import CaseSteps, TakeStep
from gongzhi.plugins.mediation.settings import MediationSettings
from gongzhi.plugins.mediation.states import CaseState
from gongzhi.tenants.api import AreaRow, GridRow, settings_of


class SidesMissing(Invalid):
    """A dispute has two sides (《人民调解法》第二条)."""

    code = "MEDIATION_SIDES_MISSING"
    zh = "须同时登记申请方与被申请方当事人"
    en = "Name parties of both sides: applicant and respondent"


class PartyRefuses(Invalid):
    """Nobody is mediated against a clear refusal (《人民调解法》第十七条)."""

    code = "MEDIATION_PARTY_REFUSES"
    zh = "当事人明确拒绝调解的，不得调解"
    en = "A party refuses mediation, so there is none"


class InOtherHands(Invalid):
    """A court, the police or another organ has the matter already (《人民调解工作若干规定》第二十二条)."""

    code = "MEDIATION_IN_OTHER_HANDS"
    zh = "人民法院、公安机关或其他行政机关已经受理或解决的纠纷，不予受理"
    en = "A court, the police or another organ has accepted or settled this matter already"


class NewParty(Input, frozen=True):
    """Somebody the dispute is between (当事人)."""

    side: Annotated[Side, told("On which side (哪一方).")]
    name: Annotated[str, told("The name people use (姓名或称呼).", min_length=1, max_length=60)]
    consented: Annotated[bool, told("Agrees to be mediated (同意调解).")] = True


class OpenCase(Input, frozen=True, kw_only=True):
    """A dispute as it is told at the counter, on a visit, or in a letter of referral (纠纷登记)."""

    title: Annotated[
        str, told("What it is about, without names (事由，勿写姓名).", min_length=2, max_length=80)
    ]
    category: Annotated[Category, told("What kind of dispute (纠纷类别).")]
    source: Annotated[Source, told("How it came (来源).")] = Source.APPLICATION
    facts: Annotated[str, told("The facts as told (主要事实).", min_length=2, max_length=4000)]
    parties: Annotated[list[NewParty], told("Who it is between (当事人).", min_length=2, max_length=40)]
    grid_id: Annotated[UUID, ref("Grid", "The grid it happened in (所在网格).")] | None = None


class AcceptCase(TakeStep, frozen=True, kw_only=True):
    """A case that the committee takes on (受理)."""

    in_other_hands: Annotated[
        bool, told("A court, the police or another organ has the matter (法院、公安或其他机关已受理).")
    ] = False


class DeclineCase(TakeStep, frozen=True, kw_only=True):
    """A case that the committee can't take on (不予受理)."""

    reason: Annotated[
        str, told("Why not, told to the applicant (不予受理的理由).", min_length=4, max_length=400)
    ]


class MediationCases(CaseSteps):
    """The cases of one community: taking them down and in."""

    @use_case(policies.CASE_OPEN, where="grid")
    async def open(self, opened: OpenCase) -> Case:
        """Take down a dispute that somebody brings (登记纠纷)."""
        if {party.side for party in opened.parties} != set(Side):
            raise SidesMissing(path="parties")
        if opened.grid_id is not None:
            await self.work.load(GridRow, opened.grid_id)
        dispute = Dispute(category=opened.category, title=opened.title)
        self.session.add(dispute)
        await self.work.flush()
        case = Case(
            dispute_id=dispute.id,
            state=CaseState.SCREENING,
            source=opened.source,
            category=opened.category,
            title=opened.title,
            facts=opened.facts,
            grid_id=opened.grid_id,
        )
        self.session.add(case)
        await self.work.flush()
        self.session.add_all(
            Party(case_id=case.id, side=party.side, name=party.name.strip(), consented=party.consented)
            for party in opened.parties
        )
        self._note(case, "open", None)
        return case

    @use_case(policies.CASE_ACCEPT)
    async def accept(self, accepted: AcceptCase) -> Case:
        """Accept a case: it gets its number and its due day (受理)."""
        if accepted.in_other_hands:
            raise InOtherHands(path="inOtherHands")
        case = await self._take("accept", accepted)
        refusing = select(Party.id).where(Party.case_id == case.id, Party.consented.is_(False)).limit(1)
        if (await self.session.scalars(refusing)).first() is not None:
            raise PartyRefuses(path="caseId")
        settings = await settings_of(self.work, "mediation", MediationSettings)
        days = settings.due_days or rule_on("mediation.due_days", today()).value
        case.accepted_at = self.work.at
        case.due_on = today() + timedelta(days=days)
        case.number = await self._number(settings)
        self.work.publish(
            events.CaseAccepted(
                case_id=str(case.id),
                category=case.category.value,
                on=self.work.at.astimezone(SHANGHAI).date().isoformat(),
            )
        )
        return case

    async def _number(self, settings: MediationSettings) -> str:
        """“（2026）梅人调字第1号”: per community and year, never given twice."""
        year = today().year
        number = await next_number(self.work, "mediation.case", year)
        area = (await self.session.scalars(select(AreaRow).where(AreaRow.id == self.work.tenant))).one()
        return f"（{year}）{settings.number_word or area.short_name[:1]}人调字第{number}号"

    @use_case(policies.CASE_ACCEPT)
    async def decline(self, declined: DeclineCase) -> Case:
        """Decline a case with a reason, which the applicant is told (不予受理)."""
        case = await self._take("decline", declined)
        case.outcome = declined.reason
        return case

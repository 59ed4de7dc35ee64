"""Mediating: a mediator is assigned, rights are told, an agreement is reached or not, the case is closed."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from sqlalchemy import update

from gongzhi.core.api import SHANGHAI, Invalid, ref, today, told, use_case
from gongzhi.plugins.mediation import events, policies
from gongzhi.plugins.mediation.models import Agreement, AgreementForm, Case, Mediator, Party
from gongzhi.plugins.mediation.service.cases import CaseSteps, TakeStep


class MediatorNotInTerm(Invalid):
    """Only a mediator whose term has begun and has not ended is assigned."""

    code = "MEDIATION_MEDIATOR_NOT_IN_TERM"
    zh = "该调解员的聘期为{since}至{until}，今天不在聘期内，请先续聘或改派"
    en = (
        "The mediator's term runs from {since} to {until}, not today; renew the appointment or assign another"
    )


class RightsNotTold(Invalid):
    """Rights and duties are told before mediation begins (《人民调解工作若干规定》第三十条)."""

    code = "MEDIATION_RIGHTS_NOT_TOLD"
    zh = "调解前须告知当事人权利义务"
    en = "Tell the parties their rights and duties before mediation begins"


class RemedyNotTold(Invalid):
    """When mediation fails, the parties are told what else they may do (《人民调解法》第二十六条)."""

    code = "MEDIATION_REMEDY_NOT_TOLD"
    zh = "终止调解须告知当事人可以通过仲裁、行政、司法等途径维护权利"
    en = "Tell the parties that arbitration, the administration and the courts remain open to them"


class PerformBeforeEffect(Invalid):
    """An agreement is performed after it takes effect."""

    code = "MEDIATION_PERFORM_BEFORE_EFFECT"
    zh = "履行期限不能早于生效日期"
    en = "The day of performance can't lie before the day of effect"


class AssignCase(TakeStep, frozen=True, kw_only=True):
    """A case and who will mediate it (指派)."""

    mediator_id: Annotated[UUID, ref("Mediator", "The mediator in charge (首席调解员).")]


class BeginMediation(TakeStep, frozen=True, kw_only=True):
    """A case whose mediation begins (开始调解)."""

    rights_told: Annotated[bool, told("All parties were told their rights and duties (已告知权利义务).")]


class ReachAgreement(TakeStep, frozen=True, kw_only=True):
    """What the parties agreed on (协议内容)."""

    form: Annotated[AgreementForm, told("Written or oral (形式).")]
    content: Annotated[str, told("What was agreed (协议内容).", min_length=4, max_length=8000)]
    effective_on: (
        Annotated[dt.date, told("The day it takes effect; today unless told (生效日期).")] | None
    ) = None
    perform_by: Annotated[dt.date, told("The day by which it is performed (履行期限).")] | None = None


class TerminateMediation(TakeStep, frozen=True, kw_only=True):
    """A mediation that ends without an agreement (终止调解)."""

    reason: Annotated[str, told("Why it ends (终止原因).", min_length=4, max_length=400)]
    remedy_told: Annotated[bool, told("The parties were told what else they may do (已告知其他救济途径).")]


class Mediations(CaseSteps):
    """Cases on the table."""

    @use_case(policies.CASE_ASSIGN)
    async def assign(self, assigned: AssignCase) -> Case:
        """Assign a mediator from the roster, or another one instead (指派调解员)."""
        mediator = await self.work.load(Mediator, assigned.mediator_id)
        since, until = mediator.appointed_on, mediator.term_ends_on
        if not since <= today() <= until:
            raise MediatorNotInTerm(path="mediatorId", since=since, until=until)
        case = await self._take("assign", assigned)
        case.mediator_id = mediator.id
        return case

    @use_case(policies.CASE_MEDIATE)
    async def begin(self, begun: BeginMediation) -> Case:
        """Begin mediation, once rights and duties were told (开始调解)."""
        if not begun.rights_told:
            raise RightsNotTold(path="rightsTold")
        case = await self._take("begin", begun)
        parties = update(Party).where(Party.case_id == case.id, Party.tenant_id == self.work.tenant)
        await self.session.execute(parties.values(rights_told_at=self.work.at))
        return case

    @use_case(policies.CASE_MEDIATE)
    async def agree(self, agreed: ReachAgreement) -> Case:
        """Record what the parties agreed on (达成协议)."""
        effective = agreed.effective_on or today()
        if agreed.perform_by is not None and agreed.perform_by < effective:
            raise PerformBeforeEffect(path="performBy")
        case = await self._take("agree", agreed)
        self.session.add(
            Agreement(
                case_id=case.id,
                form=agreed.form,
                content=agreed.content,
                effective_on=effective,
                perform_by=agreed.perform_by,
            )
        )
        self.work.publish(events.CaseAgreed(case_id=str(case.id)))
        return case

    @use_case(policies.CASE_MEDIATE)
    async def perform(self, performed: TakeStep) -> Case:
        """Record that the agreement was performed (履行完毕)."""
        return await self._take("perform", performed)

    @use_case(policies.CASE_MEDIATE)
    async def terminate(self, terminated: TerminateMediation) -> Case:
        """End a mediation without an agreement (终止调解)."""
        if not terminated.remedy_told:
            raise RemedyNotTold(path="remedyTold")
        case = await self._take("terminate", terminated)
        case.outcome = terminated.reason
        return case

    @use_case(policies.CASE_CLOSE)
    async def close(self, closed: TakeStep) -> Case:
        """Close a case that was performed or terminated (结案)."""
        case = await self._take("close", closed)
        case.closed_at = self.work.at
        # Only a case that ended without agreement tells why.
        outcome = "settled" if case.outcome is None else "not_settled"
        self.work.publish(
            events.CaseClosed(
                case_id=str(case.id),
                category=case.category.value,
                outcome=outcome,
                on=self.work.at.astimezone(SHANGHAI).date().isoformat(),
            )
        )
        return case

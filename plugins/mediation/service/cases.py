"""What every step with a case has in common: it moves the state and leaves a line in the case's timeline."""

from typing import Annotated
from uuid import UUID

from gongzhi.core.api import Input, Service, ref, told
from gongzhi.plugins.mediation.models import Case, Step
from gongzhi.plugins.mediation.states import next_state


class TakeStep(Input, frozen=True):
    """A step with a case that was read before (案件步骤)."""

    case_id: Annotated[UUID, ref("MediationCase", "Which case (案件).")]
    version: Annotated[int, told("The version that was read (版本号).")]
    note: Annotated[str, told("A remark for the case's timeline (备注).", max_length=500)] | None = None


class CaseSteps(Service):
    """Steps with cases, as far as their states allow."""

    async def _take(self, step: str, asked: TakeStep) -> Case:
        """The case, moved one step on.

        :raises WrongState: its state does not allow the step.
        """
        case = await self.work.load(Case, asked.case_id, version=asked.version)
        case.state = next_state(case.state, step)
        self._note(case, step, asked.note)
        return case

    def _note(self, case: Case, what: str, note: str | None) -> None:
        self.session.add(
            Step(
                case_id=case.id,
                what=what,
                to=case.state,
                note=note,
                account_id=self.work.actor.account_id,
                at=self.work.at,
            )
        )

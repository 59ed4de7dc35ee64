"""What clients see of mediation and may do there."""

import datetime as dt
from typing import Any

import strawberry

from gongzhi.core.api import (
    Between,
    Equals,
    Node,
    Order,
    column,
    first_character,
    item,
    listing,
    many,
    masked,
    mutation,
    one,
    reads,
    small_cell,
    today,
)
from gongzhi.plugins.mediation import models, policies
from gongzhi.plugins.mediation.rules import rule_on
from gongzhi.plugins.mediation.service.intake import MediationCases
from gongzhi.plugins.mediation.service.mediating import Mediations
from gongzhi.plugins.mediation.service.roster import Mediators
from gongzhi.plugins.mediation.states import CaseState
from gongzhi.tenants.api import Grid

for _enum, _name, _meaning in (
    (CaseState, "MediationCaseState", "Where a case stands (案件状态)."),
    (models.Category, "MediationCategory", "What a dispute is about (纠纷类别)."),
    (models.Source, "MediationSource", "How a dispute came before the committee (来源)."),
    (models.Side, "MediationSide", "On which side a party stands (哪一方)."),
    (models.AgreementForm, "MediationAgreementForm", "How an agreement was made (协议形式)."),
):
    strawberry.enum(_enum, name=_name, description=_meaning)


@reads(
    models.Mediator,
    permission=policies.ROSTER_READ,
    filters=(Between("term_ends_on"),),
    orders=(Order("NAME", "sort_key"), Order("NEWEST", "id", descending=True)),
)
class Mediator(Node):
    """A people's mediator on the published roster (人民调解员)."""

    name: str = column("The name on the roster (姓名).")
    appointed_on: dt.date = column("The first day of the term (聘任日期).")
    term_ends_on: dt.date = column("The last day of the term (聘期截止).")
    version: int = column("Goes up with every change (版本号).")


@reads(models.Party, permission=policies.CASE_READ)
class MediationParty(Node):
    """Somebody the dispute is between (当事人)."""

    side: models.Side = column("On which side (哪一方).")
    name: str = masked(
        "The name people use; its first character alone for who may not identify parties (姓名或称呼).",
        by=first_character,
        whole=policies.PARTY_IDENTIFY,
    )
    consented: bool = column("Agrees to be mediated (同意调解).")
    rights_told_at: dt.datetime | None = column("When rights and duties were told (告知时间).")


@reads(models.Step, permission=policies.CASE_READ)
class MediationStep(Node):
    """A line of a case's timeline (办理记录)."""

    what: str = column("What was done (步骤).")
    to: CaseState = column("The state it led to (之后状态).")
    note: str | None = column("A remark (备注).")
    at: dt.datetime = column("When (时间).")


@reads(models.Agreement, permission=policies.CASE_READ)
class MediationAgreement(Node):
    """What the parties agreed on (调解协议)."""

    form: models.AgreementForm = column("Written or oral (形式).")
    content: str = column("What was agreed (内容).")
    effective_on: dt.date = column("The day it takes effect (生效日期).")
    perform_by: dt.date | None = column("The day by which it is performed (履行期限).")


@reads(
    models.Case,
    permission=policies.CASE_READ,
    filters=(Equals("state"), Equals("category"), Equals("source"), Between("received_at")),
)
class MediationCase(Node):
    """One mediation of a dispute (调解案件)."""

    number: str | None = column("Its number, once accepted: （年）X人调字第N号 (案号).")
    state: CaseState = column("Where it stands (状态).")
    source: models.Source = column("How it came (来源).")
    category: models.Category = column("What kind of dispute (纠纷类别).")
    title: str = column("What it is about, without names (事由).")
    facts: str = column("The facts as told (主要事实).")
    received_at: dt.datetime = column("When it was taken down (登记时间).")
    accepted_at: dt.datetime | None = column("When it was accepted (受理时间).")
    due_on: dt.date | None = column("The day by which it should be settled (办理期限).")
    closed_at: dt.datetime | None = column("When it was closed (结案时间).")
    outcome: str | None = column("Why it was declined or ended without agreement (不予受理或终止的原因).")
    version: int = column("Goes up with every change (版本号).")
    grid: Grid | None = one("grid_id", "The grid it happened in (所在网格).")
    mediator: Mediator | None = one("mediator_id", "The mediator in charge (调解员).")
    parties: list[MediationParty] = many("case_id", "Who it is between (当事人).")
    steps: list[MediationStep] = many("case_id", "What was done, in order (办理记录).")
    agreements: list[MediationAgreement] = many("case_id", "What was agreed on (调解协议).")


_SMALL = "null where so few that they might point at somebody, for who only sees the tally"
_COUNT: Any = {
    "by": small_cell(rule_on("mediation.tally_least_cell", today()).value),
    "whole": policies.TALLY_EXACT,
}


@reads(models.Tally, permission=policies.TALLY_READ, filters=(Between("month"), Equals("category")))
class MediationTally(Node):
    """Cases accepted and closed in a month, by category (月度统计)."""

    month: dt.date = column("The first day of the month (月份).")
    category: models.Category = column("What kind of dispute (纠纷类别).")
    accepted: int | None = masked("Cases accepted; " + _SMALL + " (受理数).", **_COUNT)
    closed: int | None = masked("Cases closed; " + _SMALL + " (结案数).", **_COUNT)


class MediationQuery:
    """What may be asked about mediation."""

    mediation_case = item(MediationCase, "A case by its id (调解案件).")
    mediation_cases = listing(MediationCase, "The cases of the community (调解案件列表).")
    mediators = listing(Mediator, "The roster of mediators (调解员名册).")
    mediation_tallies = listing(MediationTally, "The monthly tally (月度统计列表).")


class MediationMutation:
    """What may be done in mediation."""

    appoint_mediator = mutation(Mediators.appoint, Mediator)
    open_mediation_case = mutation(MediationCases.open, MediationCase)
    accept_mediation_case = mutation(MediationCases.accept, MediationCase)
    decline_mediation_case = mutation(MediationCases.decline, MediationCase)
    assign_mediation = mutation(Mediations.assign, MediationCase)
    begin_mediation = mutation(Mediations.begin, MediationCase)
    agree_mediation = mutation(Mediations.agree, MediationCase)
    perform_mediation = mutation(Mediations.perform, MediationCase)
    terminate_mediation = mutation(Mediations.terminate, MediationCase)
    close_mediation = mutation(Mediations.close, MediationCase)

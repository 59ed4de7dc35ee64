"""What clients see of communities and may do with them."""

import base64
import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from sqlalchemy import ColumnElement

from gongzhi.core.api import Audit as AuditRow
from gongzhi.core.api import (
    Between,
    Caller,
    Equals,
    JobState,
    Node,
    Order,
    Scope,
    column,
    computed,
    item,
    listing,
    many,
    mask_id_number,
    mask_phone,
    mutation,
    of_caller,
    one,
    reads,
    single,
    step,
)
from gongzhi.core.api import (
    Community as CommunityScope,
)
from gongzhi.core.api import (
    Job as JobRow,
)
from gongzhi.tenants import models, policies
from gongzhi.tenants.service.communities import Communities, Profiles
from gongzhi.tenants.service.grids import Grids, Households
from gongzhi.tenants.service.onboarding import Onboardings
from gongzhi.tenants.service.persons import Consents, Persons
from gongzhi.tenants.service.switches import Plugins

for _enum, _meaning in (
    (models.AreaLevel, "Levels of the tree (层级)."),
    (models.TenantState, "The life of a community on the platform (状态)."),
    (models.GridKind, "Kinds of grid (网格类型)."),
    (models.Purpose, "What a person may consent to (同意目的)."),
    (JobState, "The life of a long job (任务状态)."),
):
    strawberry.enum(_enum, description=_meaning)


def _within(scope: Scope) -> ColumnElement[bool]:
    """The scope's own area and all beneath it."""
    path = models.Area.path
    if isinstance(scope, CommunityScope):
        return path == scope.path
    return (path >= scope.lo) & (path < scope.hi)


@reads(
    models.Area,
    permission=policies.AREA_READ,
    filters=(Equals("level"), Equals("code")),
    orders=(Order("TREE", "path"), Order("NAME", "sort_key"), Order("NEWEST", "id", descending=True)),
    criterion=_within,
)
class Area(Node):
    """A county, a street or town, or a community, as a place in the tree (辖区)."""

    code: str | None = column("Its division code, digits as text; null where it has none (区划代码).")
    name: str = column("Its full name (全称).")
    short_name: str = column("The name of the place alone (简称).")
    level: models.AreaLevel = column("How high it lies (层级).")
    parent: Annotated["Area", strawberry.lazy("gongzhi.tenants.graphql")] | None = one(
        "parent_id", "What it belongs to (上级)."
    )


@reads(models.GridVersion, permission=policies.GRID_READ)
class GridVersion(Node):
    """What a grid was from one day to another (网格版本)."""

    valid_from: dt.date = column("From this day (起).")
    valid_to: dt.date | None = column("Until before this day; null while it holds (止).")
    households: int | None = column("Households (户数).")
    bounds: str | None = column("Its bounds in words (四至).")


@reads(
    models.Grid,
    permission=policies.GRID_READ,
    filters=(Equals("kind"), Equals("code")),
    orders=(Order("CODE", "code"), Order("NEWEST", "id", descending=True)),
)
class Grid(Node):
    """A grid of a community (网格)."""

    code: str = column("The community's twelve digits and three of its own (网格编码).")
    name: str = column("What people call it (名称).")
    kind: models.GridKind = column("Basic, dedicated or micro (类型).")
    retired_on: dt.date | None = column("The day it ceased, if it did (停用日期).")
    version: int = column("Goes up with every change (版本号).")
    versions: list[GridVersion] = many("grid_id", "What it was and is (历次划分).", order="valid_from")


@reads(
    models.ProfileFigure,
    permission=policies.COMMUNITY_READ,
    filters=(Equals("indicator"), Between("as_of")),
)
class ProfileFigure(Node):
    """A dated figure of a community's profile (概况指标)."""

    indicator: str = column("What is counted (指标).")
    value: Decimal = column("How much (数值).")
    unit: str = column("In which unit (单位).")
    as_of: dt.date = column("The day it held (数据日期).")
    source: str = column("Where it comes from (来源).")
    recorded_at: dt.datetime = column("When it was entered (登记时间).")


@reads(models.Tenant, permission=policies.COMMUNITY_READ, filters=(Equals("state"),))
class Community(Node):
    """A community that works on the platform (社区/村)."""

    state: models.TenantState = column("Where its life on the platform stands (状态).")
    blueprint: str = column("What it started with (蓝图).")
    since: dt.datetime = column("When it came on board (开通时间).")
    version: int = column("Goes up with every change (版本号).")
    area: Area | None = one("id", "Its place in the tree: code, name, parent (辖区).")


@reads(
    models.Household,
    permission=policies.HOUSEHOLD_READ,
    filters=(Equals("number"),),
    orders=(Order("NUMBER", "number"), Order("NEWEST", "id", descending=True)),
)
class Household(Node):
    """A household of the register: a place and a number of people (户)."""

    number: str = column("Its number in the register (户号).")
    place: str = column("Where it is (地址).")
    people: int | None = column("How many live there (人数).")
    grid: Grid | None = one("grid_id", "The grid it lies in (所在网格).")


@reads(models.Consent, permission=policies.PERSON_READ, filters=(Equals("purpose"),))
class Consent(Node):
    """A consent as it was given (同意记录)."""

    purpose: models.Purpose = column("What for (目的).")
    data_kinds: list[str] = column("Which data it covers (数据种类).")
    wording: str = column("Which version of the text was shown (告知文本版本).")
    method: str = column("How it was given (方式).")
    separate: bool = column("It was asked for on its own (单独同意).")
    given_at: dt.datetime = column("When it was given (同意时间).")
    withdrawn_at: dt.datetime | None = column("When it was taken back, if it was (撤回时间).")
    version: int = column("Goes up with every change (版本号).")


def _opened(row: Any, kernel: Any, field: str) -> str | None:
    sealed = getattr(row, f"{field}_sealed")
    return None if sealed is None else kernel.keys.open(sealed, tenant=row.tenant_id, field=f"person.{field}")


def _masked(row: Any, kernel: Any, field: str) -> str | None:
    opened = _opened(row, kernel, field)
    mask = mask_phone if field == "phone" else mask_id_number
    return None if opened is None else mask(opened)


@reads(
    models.Person,
    permission=policies.PERSON_READ,
    orders=(Order("NAME", "sort_key"), Order("NEWEST", "id", descending=True)),
)
class Person(Node):
    """A person the community works with, masked (人员，脱敏)."""

    display_name: str = column("The name people use (姓名或称呼).")
    phone_masked: str | None = step(
        lambda row, kernel: _masked(row, kernel, "phone"),
        "The phone, masked (电话，脱敏).",
        needs=("tenant_id", "phone_sealed"),
    )
    id_number_masked: str | None = step(
        lambda row, kernel: _masked(row, kernel, "id_number"),
        "The identity number, masked (身份证号，脱敏).",
        needs=("tenant_id", "id_number_sealed"),
    )
    birth_band: str | None = column("A span of ages (年龄段).")
    version: int = column("Goes up with every change (版本号).")
    consents: list[Consent] = many("person_id", "What the person consented to (同意记录).")


@reads(models.Person, permission=policies.PERSON_UNMASK)
class UnmaskedPerson:
    """A person with phone and identity number in full; every look is audited (人员，明文)."""

    # No Node: node(id) would be a look that nobody audits.
    display_name: str = column("The name people use (姓名或称呼).")
    person: Person | None = one("id", "The person, masked (人员，脱敏).")
    phone: str | None = step(
        lambda row, kernel: _opened(row, kernel, "phone"),
        "The phone (电话).",
        needs=("tenant_id", "phone_sealed"),
    )
    id_number: str | None = step(
        lambda row, kernel: _opened(row, kernel, "id_number"),
        "The identity number (身份证号).",
        needs=("tenant_id", "id_number_sealed"),
    )


@reads(models.PluginSwitch, permission=policies.PLUGIN_READ, filters=(Equals("on"),))
class PluginSwitch(Node):
    """Whether a plugin is switched on in the community, and its settings (模块开关)."""

    plugin: str = column("The plugin's name (模块名).")
    on: bool = column("Switched on (已启用).")
    settings: str = step(
        lambda row, _kernel: _json(row.settings),
        "Its settings, as a JSON object (设置).",
        needs=("settings",),
    )
    changed_at: dt.datetime = column("When it was last switched or set (变更时间).")
    version: int = column("Goes up with every change (版本号).")


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


@reads(
    AuditRow,
    permission=policies.AUDIT_READ,
    filters=(Equals("action"), Between("at")),
    criterion=lambda scope: AuditRow.scope_id == scope.node,
)
class AuditEntry(Node):
    """Who did what to which object; never values (审计记录)."""

    at: dt.datetime = column("When (时间).")
    action: str = column("What was done (动作).")
    outcome: str = column("done, again for a repeated key, or the code of the refusal (结果).")
    subject_type: str | None = column("The kind of object (对象类型).")
    fields: list[str] = column("The names of the fields told (涉及字段).")
    sealed: bool = computed(
        lambda entry: entry.position.is_not(None), "It is a link of the chain already (已封存)."
    )


@reads(
    JobRow,
    permission=policies.JOB_READ,
    filters=(Equals("state"),),
    criterion=lambda scope: JobRow.scope_id == scope.node,
)
class Job(Node):
    """A long piece of work in the background (批量任务)."""

    kind: str = column("What kind of work (类型).")
    state: JobState = column("Where it stands (状态).")
    done: int = column("How much of it is done (已完成).")
    total: int = column("Out of how much (总数).")
    created_at: dt.datetime = column("When it was started (开始时间).")
    finished_at: dt.datetime | None = column("When it was over (结束时间).")
    result: str | None = step(
        lambda row, _kernel: None if row.result is None else _json(row.result),
        "The result, as a JSON object (结果).",
        needs=("result",),
    )
    failure: str | None = column("What stopped it: a code and its message (失败原因).")


@reads(
    JobRow,
    permission=policies.JOB_READ,
    criterion=lambda scope: JobRow.scope_id == scope.node,
    ids_of="Job",
)
class JobReport:
    """The report of a job; asked for on its own because it may be large (任务报告)."""

    # No Node, and in no list: a page of reports could be of any size.
    content: str | None = step(
        lambda row, _kernel: None if row.report is None else base64.b64encode(row.report).decode("ascii"),
        "A CSV that opens in a spreadsheet, in base64; null before the job is done (内容).",
        needs=("report",),
    )


@strawberry.type(description="A role that the caller holds in the scope (本人角色).")
class HeldRole:
    """A role that the caller holds."""

    code: str = strawberry.field(description="The role's code (角色代码).")
    zh: str = strawberry.field(description="Its Chinese name (中文名).")
    en: str = strawberry.field(description="Its English name (英文名).")


@strawberry.type(description="Who asks, and where (当前用户与范围).")
class Me:
    """Who asks, and where."""

    roles: list[HeldRole] = strawberry.field(description="The roles held in the scope (角色).")
    permissions: list[str] = strawberry.field(description="What they allow here (权限).")
    plugins: list[str] = strawberry.field(description="The plugins switched on here (已启用模块).")


def _me(caller: Caller) -> Me:
    """About the caller alone; a token learns the same about itself."""
    _ = caller.actor.caller_id
    path = caller.scope.reach if caller.scope else ""
    held = caller.actor.labels(path)
    return Me(
        roles=[HeldRole(code=role.code, zh=role.zh, en=role.en) for role in held.values()],
        permissions=sorted(caller.actor.roles.codes(caller.actor.mask(path))),
        plugins=sorted(caller.switched_on or ()),
    )


class TenantQuery:
    """What may be asked about communities."""

    me = of_caller(_me, Me | None, "Who asks, and what they may do here (当前用户).")
    here = single(
        Area, lambda scope: models.Area.id == scope.node, "The place the request works in (当前辖区)."
    )
    area = item(Area, "An area by its id (辖区).")
    areas = listing(Area, "The areas of the scope (辖区列表).")
    community = item(Community, "A community by its id (社区).")
    communities = listing(Community, "The communities of the scope (社区列表).")
    grid = item(Grid, "A grid by its id (网格).")
    grids = listing(Grid, "The grids of the scope (网格列表).")
    profile_figures = listing(ProfileFigure, "The figures of the profile (概况指标列表).")
    households = listing(Household, "The register of households (户列表).")
    person = item(Person, "A person by id, masked (人员).")
    persons = listing(Person, "The persons of the community, masked (人员列表).")
    plugin_switches = listing(PluginSwitch, "The plugin switches of the community (模块开关列表).")
    audit = listing(AuditEntry, "The audit of the scope's node (审计记录列表).")
    job = item(Job, "A long job by its id: watch its progress (批量任务).")
    jobs = listing(Job, "The long jobs of the scope (批量任务列表).")
    job_report = item(JobReport, "A job's report, by the job's id (任务报告).")


class TenantMutation:
    """What may be done with communities."""

    start_onboarding = mutation(Onboardings.start, Job)
    suspend_community = mutation(Communities.suspend, Community)
    resume_community = mutation(Communities.resume, Community)
    archive_community = mutation(Communities.archive, Community)
    record_profile_figure = mutation(Profiles.record_figure, ProfileFigure)
    draw_grid = mutation(Grids.draw, Grid)
    redraw_grid = mutation(Grids.redraw, Grid)
    register_household = mutation(Households.register, Household)
    register_person = mutation(Persons.register, Person)
    unmask_person = mutation(Persons.unmask, UnmaskedPerson, result="person")
    give_consent = mutation(Consents.give, Consent)
    withdraw_consent = mutation(Consents.withdraw, Consent)
    enable_plugin = mutation(Plugins.enable, PluginSwitch)
    disable_plugin = mutation(Plugins.disable, PluginSwitch)
    configure_plugin = mutation(Plugins.configure, PluginSwitch)

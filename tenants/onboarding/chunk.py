"""One area with the communities right beneath it, brought on board in one transaction."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import STEP, Actor, Audit, Outbox, new_id, now, today
from gongzhi.core.pinyin import search_keys, sort_key
from gongzhi.tenants.blueprints import Blueprint
from gongzhi.tenants.events import CommunityOnboarded
from gongzhi.tenants.models import (
    NODE_STEP,
    Area,
    AreaCode,
    AreaLevel,
    CodeStatus,
    DivisionLevel,
    Grid,
    GridKind,
    GridVersion,
    PluginSwitch,
    Tenant,
    TenantState,
)
from gongzhi.tenants.models import (
    Division as DivisionRow,
)
from gongzhi.tenants.onboarding.plan import Known, known_areas
from gongzhi.tenants.onboarding.rows import Division, Survey

OnError = Literal["skip", "stop"]

#: One onboarding of one county at a time; the second number is the county's code, 0 for its ancestors.
LOCK = 0x6F6E62


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """What an operator asked for.

    :param blueprint_name: how the blueprint is called; kept with every community.
    :param source: where the rows come from; kept with every division.
    :param as_of: the day from which the divisions hold.
    """

    survey: Survey
    county: str
    blueprint_name: str
    blueprint: Blueprint
    on_error: OnError
    source: str
    as_of: dt.date


class Chunk:
    """One area and the communities right beneath it, in one transaction."""

    def __init__(self, session: AsyncSession, asked: Onboarding, actor: Actor) -> None:
        self._session, self._asked, self._actor = session, asked, actor
        self._rows: dict[type[Any], list[dict[str, Any]]] = {}
        self.created = self.renamed = 0

    async def carry_out(self, top: Division, beneath: list[Division], *, ancestors: list[Division]) -> None:
        """Create what is missing, rename what is called otherwise."""
        divisions = [top, *beneath]
        codes = [division.code for division in divisions]
        known = await known_areas(self._session, [*codes, top.parent_code or ""])
        if top.level == "county":
            await self._ancestors(ancestors)
        missing = [division for division in divisions if division.code not in known]
        steps = iter(await self._draw(len(missing)))
        for division in divisions:
            area = known.get(division.code)
            if area is None:
                parent = known.get(division.parent_code or "")
                known[division.code] = self._create(division, parent, next(steps))
            elif area.name != division.name:
                await self._rename(division, area)
        for model, rows in self._rows.items():
            await self._session.execute(insert(model), rows)

    async def _draw(self, count: int) -> list[str]:
        """Fresh steps for paths."""
        if not count:
            return []
        draw = select(NODE_STEP.next_value()).select_from(text("generate_series(1, :n)"))
        return [step_of(number) for number in sorted((await self._session.scalars(draw, {"n": count})).all())]

    async def _ancestors(self, ancestors: list[Division]) -> None:
        """Province and city are reference data; they are no nodes."""
        query = select(DivisionRow.code).where(DivisionRow.code.in_([a.code for a in ancestors]))
        # Another county of the same city may come on board at the same time.
        await self._session.execute(select(func.pg_advisory_xact_lock(LOCK, 0)))
        present = set((await self._session.scalars(query)).all())
        for division in ancestors:
            if division.code not in present and division.name:
                self._division(division)

    def _add(self, model: type[Any], **values: Any) -> None:
        self._rows.setdefault(model, []).append(values)

    def _division(self, division: Division) -> None:
        self._add(
            DivisionRow,
            id=new_id(),
            code=division.code,
            name=division.name,
            level=DivisionLevel(division.level),
            kind=division.kind,
            parent_code=division.parent_code,
            valid_from=self._asked.as_of,
            source=self._asked.source,
        )

    def _create(self, division: Division, parent: Known | None, step: str) -> Known:
        path = f"{parent.path if parent else ''}{step}{STEP}"
        area = Known(new_id(), path, division.name, division.parent_code)
        self.created += 1
        self._division(division)
        self._add(
            Area,
            id=area.id,
            parent_id=parent.id if parent else None,
            path=area.path,
            level=AreaLevel(division.level),
            code=division.code,
            name=division.name,
            short_name=division.short_name,
            sort_key=sort_key(division.name),
            search_keys=search_keys(division.name),
            created_at=now(),
        )
        self._add(
            AreaCode,
            area_id=area.id,
            code=division.code,
            valid_from=self._asked.as_of,
            status=CodeStatus.OFFICIAL,
        )
        self._record(area.id, "tenants.area.create")
        if division.level == "community":
            self._tenant(area.id, division)
        return area

    def _tenant(self, tenant: UUID, division: Division) -> None:
        asked = self._asked
        self._add(
            Tenant,
            node_id=tenant,
            state=TenantState.ACTIVE,
            blueprint=asked.blueprint_name,
            roles=asked.blueprint.roles,
            since=now(),
            version=1,
        )
        for plugin in asked.blueprint.plugins:
            self._add(
                PluginSwitch,
                tenant_id=tenant,
                id=new_id(),
                plugin=plugin,
                on=True,
                settings=asked.blueprint.settings.get(plugin, {}),
                changed_at=now(),
                version=1,
            )
        for number in range(1, asked.blueprint.grids.count + 1):
            grid = new_id()
            name = asked.blueprint.grids.named(number)
            code = f"{division.code}{number:03}"
            self._add(Grid, tenant_id=tenant, id=grid, code=code, name=name, kind=GridKind.BASIC, version=1)
            self._add(GridVersion, tenant_id=tenant, id=new_id(), grid_id=grid, valid_from=today())
        fact = CommunityOnboarded(community_id=str(tenant), blueprint=asked.blueprint_name)
        self._add(
            Outbox,
            id=new_id(),
            scope_id=tenant,
            name=fact.name,
            payload=msgspec.to_builtins(fact),
            created_at=now(),
        )

    async def _rename(self, division: Division, area: Known) -> None:
        """The code stays, the old name's row is closed (“单纯更名不更改代码”)."""
        self.renamed += 1
        await self._session.execute(
            update(DivisionRow)
            .where(DivisionRow.code == division.code, DivisionRow.valid_to.is_(None))
            .values(valid_to=self._asked.as_of)
        )
        same_day = select(DivisionRow.id).where(
            DivisionRow.code == division.code, DivisionRow.valid_from == self._asked.as_of
        )
        if (row := (await self._session.scalars(same_day)).one_or_none()) is not None:
            renamed = update(DivisionRow).where(DivisionRow.id == row)
            await self._session.execute(renamed.values(name=division.name, kind=division.kind, valid_to=None))
        else:
            self._division(division)
        await self._session.execute(
            update(Area)
            .where(Area.id == area.id)
            .values(
                name=division.name,
                short_name=division.short_name,
                sort_key=sort_key(division.name),
                search_keys=search_keys(division.name),
            )
        )
        self._record(area.id, "tenants.area.rename")

    def _record(self, area: UUID, action: str) -> None:
        self._add(
            Audit,
            id=new_id(),
            scope_id=area,
            at=now(),
            account_id=self._actor.account_id,
            token_id=self._actor.token_id,
            action=action,
            subject_type="Area",
            subject_id=area,
            fields=["name"],
            outcome="done",
        )


def step_of(number: int) -> str:
    """The number in base 36 behind its own length, so that steps sort as their numbers do."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{len(digits)}{digits}"

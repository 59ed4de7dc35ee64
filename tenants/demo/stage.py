"""Setting the stage: county, grids, profile, plugin, accounts, token; each step safe to repeat."""

import json
import secrets
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select

from gongzhi.core.api import Kernel, UnitOfWork, unit_of_work
from gongzhi.tenants import desk
from gongzhi.tenants.blueprints import load_blueprint
from gongzhi.tenants.models import Account, Grid, ProfileFigure
from gongzhi.tenants.onboarding.provision import Onboarding, Outcome, Progress, onboard
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet
from gongzhi.tenants.service.communities import Profiles, RecordFigure
from gongzhi.tenants.service.grids import DrawGrid, Grids

_HERE = Path(__file__).parent
SCRIPT: dict[str, Any] = tomllib.loads((_HERE / "meiying.toml").read_text(encoding="utf-8"))


@dataclass
class Notes:
    """What the demonstration remembers between runs: passwords and token, made once; the case it handled."""

    file: Path
    passwords: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    case_id: str | None = None

    @classmethod
    def read(cls, file: Path) -> Self:
        """The notes of an earlier run, or empty ones."""
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return cls(file, **kept)

    def keep(self) -> None:
        """Write them down, for the owner's eyes alone; a kill leaves the old notes or the new, never half."""
        kept = {"passwords": self.passwords, "token": self.token, "case_id": self.case_id}
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(kept, ensure_ascii=False, indent=2), encoding="utf-8")
        new.replace(self.file)


async def bring_county_on_board(kernel: Kernel, progress: Progress) -> Outcome:
    """Onboard the real county from the file the project ships."""
    asked = Onboarding(
        survey=survey(read_sheet(_HERE / "yimen.csv"), county=SCRIPT["county"]),
        county=SCRIPT["county"],
        blueprint_name="standard",
        blueprint=load_blueprint("standard", kernel.plugins),
        on_error="stop",
        source=SCRIPT["divisions_source"],
        as_of=SCRIPT["divisions_as_of"],
    )
    return await onboard(kernel, asked, progress=progress)


async def furnish_community(kernel: Kernel) -> None:
    """Give the community its grids and its profile, and switch mediation on."""
    code = SCRIPT["community"]
    scope = await desk.scope_at(kernel, code)
    async with unit_of_work(kernel, scope, kernel.robot("demo")) as work:
        await _draw_grids(work)
        await _record_profile(work)
    await desk.switch_plugin(kernel, code, "mediation", "enable")


async def _draw_grids(work: UnitOfWork) -> None:
    drawn = len((await work.session.scalars(select(Grid.id))).all())
    for number in range(drawn + 1, SCRIPT["grids"] + 1):
        await Grids(work).draw(DrawGrid(number=number, name=SCRIPT["grid_name"].format(n=number)))


async def _record_profile(work: UnitOfWork) -> None:
    known = set((await work.session.scalars(select(ProfileFigure.indicator))).all())
    profile = SCRIPT["profile"]
    for figure in profile["figure"]:
        if figure["indicator"] in known:
            continue
        told = RecordFigure(
            indicator=figure["indicator"],
            value=Decimal(figure["value"]),
            unit=figure["unit"],
            as_of=profile["as_of"],
            source=profile["source"],
        )
        await Profiles(work).record_figure(told)


async def create_accounts(kernel: Kernel, notes: Notes) -> None:
    """Create the invented people with passwords made here, and the integrator's token."""
    for account in SCRIPT["account"]:
        login = account["login"]
        if login not in notes.passwords:
            notes.passwords[login] = secrets.token_urlsafe(12)
            notes.keep()
        if not await _has_account(kernel, login):
            await desk.create_account(kernel, login, account["name"], password=notes.passwords[login])
        await desk.grant(kernel, login, account["role"], account["at"], reason="demo 演示")
    if notes.token is None:
        notes.token = await desk.create_token(kernel, SCRIPT["community"], label="demo")
        notes.keep()


async def _has_account(kernel: Kernel, login: str) -> bool:
    from gongzhi.core.api import system_work

    async with system_work(kernel) as work:
        return (
            await work.session.scalars(select(Account.id).where(Account.login == login))
        ).first() is not None

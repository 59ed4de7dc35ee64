"""What the tests of this room share: files of divisions, onboardings of them, and what the tables hold."""

import asyncio
import datetime as dt
import io
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import argon2
import openpyxl
import psycopg
import pytest
from psycopg import sql

from gongzhi.core.kernel import Kernel
from gongzhi.core.tables import Base
from gongzhi.tenants import desk, passwords
from gongzhi.tenants.blueprints import load_blueprint
from gongzhi.tenants.onboarding.chunk import Onboarding
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes
from gongzhi.tenants.sign_in import SignIn, sign_in

#: The password of everybody here.
PASSWORD = "梅营社区 correct horse"

DIVISIONS = Path(__file__).parents[1] / "data" / "divisions"


@pytest.fixture
def fresh(make_kernel: Callable[..., Kernel]) -> Kernel:
    """A kernel on a database with nobody on board."""
    return make_kernel()


@pytest.fixture
def divisions() -> Callable[[str], bytes]:
    """The shipped file of this county: ``divisions("530425")``."""

    def read(county: str) -> bytes:
        [path] = DIVISIONS.glob(f"{county}-*.csv")
        return path.read_bytes()

    return read


@pytest.fixture
def workbook() -> Callable[[bytes], bytes]:
    """The same table as an XLSX, every cell a text."""

    def convert(content: bytes) -> bytes:
        book = openpyxl.Workbook()
        for line in content.decode().splitlines():
            book.active.append(line.split(","))
        file = io.BytesIO()
        book.save(file)
        return file.getvalue()

    return convert


@pytest.fixture
def asking() -> Callable[..., Onboarding]:
    """What an operator asks for: ``asking(kernel, content, "530425", on_error="skip")``."""

    def ask(kernel: Kernel, content: bytes, county: str, **changed: Any) -> Onboarding:
        blueprint = changed.pop("blueprint", "standard")
        told: dict[str, Any] = {
            "survey": survey(read_sheet_bytes("divisions.csv", content), county=county),
            "county": county,
            "blueprint_name": blueprint,
            "blueprint": load_blueprint(blueprint, kernel.plugins),
            "on_error": "stop",
            "source": "divisions.csv",
            "as_of": dt.date(2024, 1, 1),
        }
        return Onboarding(**told | changed)

    return ask


@pytest.fixture
def contents() -> Callable[[Kernel], dict[str, list[str]]]:
    """Every row of every table, as text: what two moments are compared by."""

    def read(kernel: Kernel) -> dict[str, list[str]]:
        found = {}
        with psycopg.connect(kernel.database.address.url_for("gongzhi_system")) as connection:
            for table in Base.metadata.tables.values():
                name = sql.Identifier(str(table.schema), table.name)
                rows = connection.execute(sql.SQL("select t::text from {} t order by 1").format(name))
                found[table.fullname] = [row for (row,) in rows]
        return found

    return read


@pytest.fixture
def rows_of() -> Callable[..., list[tuple[Any, ...]]]:
    """What a statement finds, as the system role: ``rows_of(kernel, "select … where x = %s", x)``."""

    def read(kernel: Kernel, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(kernel.database.address.url_for("gongzhi_system")) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    return read


@pytest.fixture
def somebody(event_loop: asyncio.Runner) -> Callable[..., str]:
    """An account's login: ``somebody(kernel, ("mediator", code), …)``, with these roles and :data:`PASSWORD`."""

    def make(kernel: Kernel, *grants: tuple[str, str]) -> str:
        login = f"somebody-{secrets.token_hex(6)}"

        async def create() -> None:
            await desk.create_account(kernel, login, "某人", password=PASSWORD)
            for role, code in grants:
                await desk.grant(kernel, login, role, code, reason="test")

        event_loop.run(create())
        return login

    return make


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Argon2id at its cheapest: what it costs in earnest is the library's to test."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", hasher)
        patch.setattr(passwords, "_NOBODY", hasher.hash("nobody has this password"))
        yield


@pytest.fixture
def somebody_signed_in(kernel: Kernel) -> Callable[..., Awaitable[dict[str, str]]]:
    """The headers of somebody with these roles: ``await somebody_signed_in(("mediator", code), …)``."""

    async def make(*grants: tuple[str, str]) -> dict[str, str]:
        login = f"somebody-{secrets.token_hex(6)}"
        await desk.create_account(kernel, login, "某人", password=PASSWORD)
        for role, code in grants:
            await desk.grant(kernel, login, role, code, reason="test")
        opened = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address=login)
        return {"Cookie": f"gongzhi_session={opened.session}", "X-CSRF-Token": opened.csrf}

    return make

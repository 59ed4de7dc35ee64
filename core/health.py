"""Health: is the process alive, may it be sent requests, and what ails it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from gongzhi.core.known_keys import known_keys, lacking
from gongzhi.core.migrations import pending
from gongzhi.core.roles import DatabaseRole

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel


#: Seconds a check may take; a database that does not answer is not waited for.
_PATIENCE = 5


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """One thing to look at; ``check`` answers None when it is well, or what ails it."""

    name: str
    check: Callable[["Kernel"], Awaitable[str | None]]
    #: False for what people should know but what need not keep requests away.
    needed: bool = True


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    name: str
    ails: str | None
    needed: bool


async def _database_answers(kernel: "Kernel") -> str | None:
    async with kernel.database.engine(DatabaseRole.APP).connect() as connection:
        await connection.execute(text("select 1"))
    return None


async def _migrated(kernel: "Kernel") -> str | None:
    behind = await asyncio.to_thread(pending, kernel.database.address, kernel.histories)
    return f"run `gongzhi migrate`: {', '.join(behind)}" if behind else None


async def _keys_fit(kernel: "Kernel") -> str | None:
    problem = lacking(kernel.keys, await asyncio.to_thread(known_keys, kernel.database.address))
    return None if problem is None else f"{problem}"


async def _plugins_whole(kernel: "Kernel") -> str | None:
    return "; ".join(f"{broken.name}: {broken.reason}" for broken in kernel.plugins.broken) or None


CHECKS = (
    HealthCheck(name="database", check=_database_answers),
    HealthCheck(name="migrations", check=_migrated),
    HealthCheck(name="keys", check=_keys_fit),
    HealthCheck(name="plugins", check=_plugins_whole, needed=False),
)


async def examine(kernel: "Kernel") -> list[Finding]:
    """Run the kernel's and the plugins' checks; a check that raises has found something."""
    findings = []
    for check in (*CHECKS, *kernel.plugins.ask("register_health_checks")):
        try:
            async with asyncio.timeout(_PATIENCE):
                ails = await check.check(kernel)
        except Exception as error:  # noqa: BLE001  # the finding is that it raised
            ails = f"{type(error).__name__}: {error}"
        findings.append(Finding(check.name, ails, check.needed))
    return findings

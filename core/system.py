"""The one door to the system role, which sees across communities; a test lists who passes it.

For sign-in look-up, relay, sweeps, onboarding, export and nothing a request could be answered with.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gongzhi.core.actor import Actor
from gongzhi.core.db import UnitOfWork
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import Scope

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel


@asynccontextmanager
async def system_work(
    kernel: "Kernel", *, scope: Scope | None = None, actor: Actor | None = None
) -> AsyncIterator[UnitOfWork]:
    """A transaction as the system role; committed when the block ends without an exception.

    :param scope: whose records (audit, outbox) it keeps; None for the platform's. It narrows nothing.
    """
    async with kernel.database.session(DatabaseRole.SYSTEM, scope) as session:
        work = UnitOfWork.on(session, kernel, scope, actor or kernel.robot("system"))
        yield work
        await work.commit()

"""How a command reaches this installation."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rich.console import Console

from gongzhi.core.api import Kernel, Settings, opened

console = Console()
T = TypeVar("T")


def run(settings: Settings, job: Callable[[Kernel], Coroutine[Any, Any, T]]) -> T:
    """Do this with a kernel of this installation."""

    async def and_close(kernel: Kernel) -> T:
        try:
            return await job(kernel)
        finally:
            await kernel.database.dispose()

    with opened(settings) as kernel:
        return asyncio.run(and_close(kernel))

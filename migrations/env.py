"""The kernel's alembic environment."""

from gongzhi.core.migrations import run

run()

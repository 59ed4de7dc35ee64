"""The mediation room's alembic environment."""

from gongzhi.core.migrations import run

run()

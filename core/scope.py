"""The scope of a piece of work: one community, or a range of the organisation tree; never both.

PostgreSQL's policies read the scope from three settings of the transaction (``gongzhi.tenant``,
``gongzhi.lo``, ``gongzhi.hi``); unset or empty they yield no rows, never all.
"""

from dataclasses import dataclass
from uuid import UUID

from gongzhi.core.errors import ScopeNeedsCommunity, ScopeNeedsRange

#: What ends a step of a path, and the character right after it: everything beneath ``p`` lies in [p, hi).
STEP, AFTER_STEP = ".", "/"


def grid_step(grid: UUID) -> str:
    """What a grid adds to its community's path."""
    return grid.hex + STEP


class ScopeNotSet(RuntimeError):  # noqa: N818  # says what happened
    """Code touched a community's rows outside any scope: a mistake of ours, never of the caller."""


@dataclass(frozen=True)
class Community:
    """One community's scope (社区/村), or that of one of its grids (网格).

    :param grid: the grid, where the work is that grid's alone. The database keeps communities apart; a community's
        grids are kept apart by the fence, the compiler and the commands.
    """

    tenant: UUID
    path: str
    grid: UUID | None = None

    @property
    def reach(self) -> str:
        """Where a grant must lie at or above: the community, or the grid beneath it."""
        return self.path if self.grid is None else self.path + grid_step(self.grid)

    @property
    def node(self) -> UUID:
        """The node whose grants and records this scope is about: the community itself."""
        return self.tenant

    def settings(self) -> tuple[str, str, str]:
        """What the transaction is told: tenant, lo, hi."""
        return str(self.tenant), "", ""


@dataclass(frozen=True)
class Range:
    """A county's or street's scope: its node and all that lies beneath."""

    node: UUID
    path: str

    @property
    def reach(self) -> str:
        """Where a grant must lie at or above."""
        return self.path

    @property
    def lo(self) -> str:
        """The first path within."""
        return self.path

    @property
    def hi(self) -> str:
        """The first path beyond."""
        return self.path.removesuffix(STEP) + AFTER_STEP

    def settings(self) -> tuple[str, str, str]:
        """What the transaction is told: tenant, lo, hi."""
        return "", self.lo, self.hi


Scope = Community | Range

#: What a transaction begins with: it is told its scope and a key; see migration 0003. On Citus another statement
#: takes its place, and that of :func:`telling`.
BEGIN_WORK = "select epoch, input_hash, result_id from core.begin_work($1, $2, $3, $4, $5, $6, $7, $8)"


def telling(scope: Scope) -> str:
    """The statement that tells a transaction its scope and nothing else, written out whole."""
    tenant, lo, hi = (value.replace("'", "''") for value in scope.settings())
    return (
        f"select set_config('gongzhi.tenant', '{tenant}', true), set_config('gongzhi.lo', '{lo}', true), "
        f"set_config('gongzhi.hi', '{hi}', true)"
    )


def tenant_of(scope: Scope | None) -> UUID:
    """The community this scope is.

    :raises ScopeNeedsCommunity: the scope is a range.
    :raises ScopeNotSet: there is none.
    """
    if scope is None:
        raise ScopeNotSet("a community's rows were touched outside any scope")
    if isinstance(scope, Range):
        raise ScopeNeedsCommunity
    return scope.tenant


def whole_of(scope: Scope | None) -> None:
    """Go on only where the scope is no single grid's.

    :raises ScopeNeedsCommunity: it is.
    """
    if isinstance(scope, Community) and scope.grid is not None:
        raise ScopeNeedsCommunity


def range_of(scope: Scope | None) -> Range:
    """The range this scope is.

    :raises ScopeNeedsRange: the scope is one community.
    :raises ScopeNotSet: there is none.
    """
    if scope is None:
        raise ScopeNotSet("a node's rows were touched outside any scope")
    if isinstance(scope, Community):
        raise ScopeNeedsRange
    return scope

"""Whoever lacks the permission of a use case is refused, and nothing happens: all use cases of all plugins."""

import datetime as dt
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid4

import msgspec
import pytest

from gongzhi.core.api import (
    Actor,
    Caller,
    Forbidden,
    Grant,
    Input,
    NoInput,
    NotSignedIn,
    Plugins,
    UseCase,
    global_id,
    performing,
)


def use_cases() -> list[UseCase]:
    """What the plugins' mutations perform, found as the schema finds it."""
    fields = (
        getattr(room, name)
        for room in Plugins.installed().ask("register_mutations")
        for name in vars(room)
        if not name.startswith("_")
    )
    return [case for field in fields for case in field.metadata.values() if isinstance(case, UseCase)]


def least(kind: type[Input]) -> dict[str, Any]:
    """The least that this input understands, as a client would tell it."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.name: value_of(hints[field.name]) for field in msgspec.structs.fields(kind) if field.required
    }


def value_of(hint: Any) -> Any:
    """A value that fits this hint."""
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    for meta in metas:
        if meta.extra and "ref" in meta.extra:
            return global_id(meta.extra["ref"], uuid4())
    plain = hint.__origin__ if metas else hint
    [inner, *_] = [kind for kind in get_args(plain) if kind is not NoneType] or [None]
    if getattr(plain, "__origin__", None) is list:
        fewest = max((meta.min_length or 0 for meta in metas), default=0)
        return [value_of(inner) for _ in range(fewest)]
    if inner is not None:
        return value_of(inner)
    if issubclass(plain, Input):
        return least(plain)
    if issubclass(plain, Enum):
        return next(iter(plain)).value
    length = max((meta.min_length or 1 for meta in metas), default=1)
    return {
        str: "甲" * length,
        int: max((meta.ge or 1 for meta in metas), default=1),
        bool: True,
        Decimal: Decimal(1),
        dt.date: "2026-03-02",
        dt.datetime: "2026-03-02T02:00:00Z",
        UUID: str(uuid4()),
    }[plain]


CASES = use_cases()


def named(case: UseCase) -> str:
    return case.action


@pytest.fixture(params=CASES, ids=named)
def case(request) -> UseCase:
    """Each use case there is."""
    return request.param


@pytest.fixture
def scope(case, county):
    """Where the use case is done."""
    return county.scope(county.county if case.where == "range" else county.community)


def without(case: UseCase, kernel) -> list[str]:
    """The roles that do not have the permission of this use case; a role that is gone has none."""
    return [role for role in kernel.roles.roles if case.permission.code not in kernel.roles.allowed(role)] + [
        "gone"
    ]


async def attempt(kernel, case: UseCase, scope, actor: Actor) -> None:
    raw = {} if case.input is NoInput else least(case.input)
    async with performing(kernel, Caller(actor=actor, scope=scope), case, raw, operation=case.action):
        pass


class TestUseCase:
    def test_of_every_room_is_here(self):
        """The enumeration has not silently lost a room."""
        rooms = {case.action.split(".")[0] for case in CASES}

        assert rooms >= {"tenants", "mediation"}
        assert len(CASES) >= 22

    async def test_is_refused_without_its_permission(self, case, scope, kernel, contents):
        """And nothing happens, save that the refusal is on record."""
        before = contents(kernel)
        roles = without(case, kernel)
        for role in roles:
            actor = Actor(
                roles=kernel.roles, grants=(Grant(role, scope.node, scope.path),), account_id=uuid4()
            )
            with pytest.raises(Forbidden, match=case.permission.code):
                await attempt(kernel, case, scope, actor)

        after = contents(kernel)
        seen = set(after.pop("core.audit")) - set(before.pop("core.audit"))
        assert after == before
        assert len(seen) == len(roles)
        assert [row for row in seen if case.action not in row or "FORBIDDEN" not in row] == []

    async def test_is_refused_to_who_has_it_elsewhere(self, case, scope, kernel, county, contents):
        """Every permission there is, held in the neighbouring community."""
        elsewhere = county.scope(county.communities[1])
        grants = tuple(Grant(role, elsewhere.node, elsewhere.path) for role in kernel.roles.roles)
        before = contents(kernel)

        with pytest.raises(Forbidden, match=case.permission.code):
            await attempt(kernel, case, scope, Actor(roles=kernel.roles, grants=grants, account_id=uuid4()))

        assert contents(kernel) == before

    async def test_is_refused_to_nobody(self, case, scope, kernel, contents):
        before = contents(kernel)

        with pytest.raises(NotSignedIn):
            await attempt(kernel, case, scope, Actor(roles=kernel.roles))

        assert contents(kernel) == before

    def test_is_allowed_to_some_role(self, case, kernel):
        """A permission that no role has is a use case that nobody can do."""
        assert [role for role in kernel.roles.roles if case.permission.code in kernel.roles.allowed(role)]

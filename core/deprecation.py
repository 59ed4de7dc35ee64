"""Taking something out of the schema: until when it still works, and what to use instead."""

import re
from dataclasses import dataclass, is_dataclass, replace
from datetime import date
from typing import Any, Self, TypeVar, cast, get_args

_COORDINATE = r"\w+(?:\.\w+)?(?:\(\w+:\))?"
_REASON = re.compile(rf"Until (\d{{4}}-\d\d-\d\d); use ({_COORDINATE}) \(\1后停用，请改用 \2\)")


@dataclass(frozen=True)
class Deprecated:
    """What is still served and will go; ``gongzhi schema diff`` holds it to its day.

    :param until: the last day on which it works, in Shanghai.
    :param use: the way out, by its name in the schema: ``mediationCases``, ``MediationCase.stage``,
        ``Query.grids(filter:)``.
    """

    until: date
    use: str

    def __post_init__(self) -> None:
        """:raises ValueError: the way out is no name of a schema."""
        if not re.fullmatch(_COORDINATE, self.use):
            raise ValueError(f"the way out is a name in the schema, not {self.use!r}")

    @property
    def reason(self) -> str:
        """What clients read in the schema."""
        return f"Until {self.until}; use {self.use} ({self.until}后停用，请改用 {self.use})"

    @classmethod
    def read(cls, reason: str) -> Self | None:
        """The declaration behind a reason; None where it names no day or no way out."""
        found = _REASON.fullmatch(reason)
        if found is None:
            return None
        try:
            return cls(until=date.fromisoformat(found[1]), use=found[2])
        except ValueError:
            return None


DeclaredT = TypeVar("DeclaredT")


def deprecated(declared: DeclaredT, *, until: date, use: str) -> DeclaredT:
    """The same declaration, deprecated: a field (``column``, ``one``, …), a root field, a mutation, an argument.

    A field of a command's input has ``Deprecated(…)`` in its ``Annotated``; for values of an enum see
    :func:`deprecate_values`. See :class:`Deprecated` for ``until`` and ``use``.
    """
    reason = Deprecated(until=until, use=use).reason
    if is_dataclass(declared):
        return replace(declared, deprecation_reason=reason)  # type: ignore[type-var]  # never a class
    cast("Any", declared).deprecation_reason = reason
    return declared


def reason_in(hint: Any) -> str | None:
    """The reason in an annotation of an input's field, wherever in it; None for what stays."""
    if isinstance(hint, Deprecated):
        return hint.reason
    return next((reason for part in get_args(hint) if (reason := reason_in(part))), None)


def deprecate_values(enum: Any, **values: Deprecated) -> None:
    """Deprecate values of an enum that ``strawberry.enum`` has seen, by the names clients write.

    :raises ValueError: it has no such value.
    """
    made = {value.name: value for value in enum.__strawberry_definition__.values}
    for name, going in values.items():
        if name not in made:
            raise ValueError(f"{enum.__name__} has no value {name}")
        made[name].deprecation_reason = going.reason

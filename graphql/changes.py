"""What changed since the last release: each change by a name, the notes that explain it, what is amiss."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import msgspec
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    parse,
)
from graphql.utilities.find_schema_changes import (
    BreakingChangeType,
    DangerousChangeType,
    SafeChangeType,
    SchemaChange,
    find_schema_changes,
)

from gongzhi.graphql.deprecations import breaches, coordinates, deprecations, still_promised

#: The platform's own baseline and notes lie beside this module.
HOME = Path(__file__).parent
RELEASED, NOTES = "released.graphql", "changes.toml"

#: Dangerous changes after which a document that stayed as it was may get what it could not get before. A new
#: optional argument or input field is not one: nothing comes of it until a client writes it.
_FELT = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.TYPE_ADDED_TO_UNION,
    DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED,
}

#: graphql-core tells in sentences; what is named in them, most particular first.
_SENTENCES = [
    (re.compile(pattern), named)
    for pattern, named in (
        (r"(?:Field|Argument) (\S+) (?:has )?changed type from (\S+) to (\S+)\.", r"\1 \2 -> \3"),
        (r"(\S+) has changed defaultValue from (.+)\.", r"\1 \2"),
        (r"(\S+) defaultValue was removed\.", r"\1"),
        (r"(\S+) added a defaultValue (.+)\.", r"\1 \2"),
        (r"(\S+) changed from an? (\w+) type to an? (\w+) type\.", r"\1 \2 -> \3"),
        (r"(\S+) was (?:added to|removed from) union type (\S+)\.", r"\2 \1"),
        (r"(\S+) added to interfaces implemented by (\S+)\.", r"\2 \1"),
        (r"(\S+) no longer implements interface (\S+)\.", r"\1 \2"),
        (r"Repeatable flag was (?:added to|removed from) (\S+)\.", r"\1"),
        (r"([A-Z_]+) was (?:added to|removed from) (@\S+)\.", r"\2 \1"),
        (r"(?:[A-Z][a-z]* (?:[a-z]+ )*)?(\S+) was (?:added|removed)(?: because .+)?\.", r"\1"),
    )
]

_HEAD = (
    "# The schema as released on {on}, which clients were promised. `gongzhi schema release` writes it; "
    "never by hand.\n"
)
_NO_NOTES = """\
# Why the schema that is served breaks, or may surprise, a client of released.graphql: a note for each change,
# until the next release. `gongzhi schema diff` prints the lines that are missing.
"""


@dataclass(frozen=True)
class Change:
    """A difference between two schemas.

    :param what: its name, the same each time: ``FIELD_REMOVED Query.jobReport``.
    :param weight: breaking, dangerous or added, as graphql-core weighs it.
    :param felt: whether a client that stays as it is may notice; such a change needs a note.
    """

    what: str
    weight: str
    felt: bool


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a change, or several for one reason, are made although clients notice; since when."""

    what: str | list[str]
    on: dt.date
    zh: Annotated[str, msgspec.Meta(pattern="[\u4e00-\u9fff]")]
    en: Annotated[str, msgspec.Meta(pattern="[A-Za-z]")]

    @property
    def whats(self) -> list[str]:
        """The names of the changes it explains."""
        return [self.what] if isinstance(self.what, str) else self.what


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The notes since the last release."""

    change: list[Note] = []

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The notes of a folder.

        :raises msgspec.DecodeError: the file is no TOML, or no notes; the message says where.
        """
        file = folder / NOTES
        return msgspec.toml.decode(file.read_bytes(), type=cls) if file.exists() else cls()


def named(change: SchemaChange) -> str:
    """The change by its kind and where it is."""
    for pattern, names in _SENTENCES:
        found = pattern.fullmatch(change.description)
        if found:
            return f"{change.type.name} {found.expand(names)}"
    return f"{change.type.name} {change.description}"


def changes_between(old: GraphQLSchema, new: GraphQLSchema) -> list[Change]:
    """Every difference that is more than another description."""
    answered = _answered(new)
    made = []
    for change in find_schema_changes(old, new):
        what = named(change)
        if isinstance(change.type, BreakingChangeType):
            made.append(Change(what, "breaking", felt=True))
        elif change.type is DangerousChangeType.VALUE_ADDED_TO_ENUM:
            enum = what.split()[1].split(".")[0]
            made.append(Change(what, "dangerous", felt=enum in answered))
        elif isinstance(change.type, DangerousChangeType):
            made.append(Change(what, "dangerous", felt=change.type in _FELT))
        elif change.type is not SafeChangeType.DESCRIPTION_CHANGED:
            made.append(Change(what, "added", felt=False))
    return made


def _answered(schema: GraphQLSchema) -> set[str]:
    """The types that an answer may hold; of the others, a client writes only what it knows."""
    return {
        get_named_type(field.type).name
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        for field in kind.fields.values()
    }


@dataclass(frozen=True)
class Comparison:
    """The schema that is served beside the one last released.

    :param breaches: what is wrong with deprecations, a sentence for each.
    :param announced: what is newly deprecated, with its reason.
    :param gone: what was removed after its last day; that needs no note.
    """

    changes: list[Change]
    notes: list[Note]
    breaches: list[str]
    announced: dict[str, str]
    gone: list[str]

    @property
    def missing(self) -> list[str]:
        """The names of the changes that clients may notice and no note explains."""
        explained = {what for note in self.notes for what in note.whats}
        return [change.what for change in self.changes if change.felt and change.what not in explained]

    @property
    def idle(self) -> list[str]:
        """What notes explain and nobody has changed."""
        made = {change.what for change in self.changes}
        return [what for note in self.notes for what in note.whats if what not in made]

    def amiss(self, today: dt.date) -> list[str]:
        """What keeps the schema from being released, and what to do about it; nothing when all is well."""
        found = [f"{breach}." for breach in self.breaches]
        found += [
            f"No such change, take it out of {NOTES} (没有此项变更，请删除): {what}" for what in self.idle
        ]
        if self.missing:
            lines = "\n\n".join(_note_to_write(what, today) for what in self.missing)
            found.append(f"Add to {NOTES}, and say why (请补充变更说明):\n\n{lines}")
        return found


def compare(released: str, served: str, notes: Notes, *, today: dt.date) -> Comparison:
    """Compare two schemas, each as a document."""
    document, new = parse(released, no_location=True), build_schema(served)
    old, promised = build_schema(released), still_promised(document, today)
    before, known = deprecations(old), coordinates(new)
    due = coordinates(old).keys() - coordinates(promised).keys()
    return Comparison(
        changes=changes_between(promised, new),
        notes=notes.change,
        breaches=breaches(old, new, today),
        announced={name: why for name, why in deprecations(new).items() if before.get(name) != why},
        gone=[name for name in before if name in due and name not in known],
    )


def _note_to_write(what: str, today: dt.date) -> str:
    return f'[[change]]\nwhat = {json.dumps(what, ensure_ascii=False)}\non = {today}\nzh = ""\nen = ""'


def told(comparison: Comparison, today: dt.date) -> str:
    """The comparison for a reader: by weight, then what is amiss."""
    return "\n\n".join(_told(comparison, today)) + "\n"


def _told(comparison: Comparison, today: dt.date) -> Iterator[str]:
    headings = {
        "breaking": "Breaking (破坏性变更)",
        "dangerous": "Dangerous (可能影响调用方)",
        "added": "Added (新增)",
    }
    missing, amiss = set(comparison.missing), comparison.amiss(today)
    for weight, heading in headings.items():
        lines = [change.what for change in comparison.changes if change.weight == weight]
        if lines:
            yield "\n".join([heading, *(f"  {'!' if what in missing else ' '} {what}" for what in lines)])
    if comparison.announced:
        announced = [f"    {name}: {why}" for name, why in comparison.announced.items()]
        yield "\n".join(["Deprecated (将停用)", *announced])
    if comparison.gone:
        yield "\n".join(["Gone after its last day (到期移除)", *(f"    {name}" for name in comparison.gone)])
    yield "\n\n".join(["Amiss (待处理)", *amiss]) if amiss else "Nothing is amiss (无待处理事项)."


def changelog(comparison: Comparison) -> str:
    """What CHANGELOG.md says of it: the notes, what is announced, what went."""
    lines = []
    for note in comparison.notes:
        whats = ", ".join(f"`{what}`" for what in note.whats)
        lines.append(f"- Schema, {note.on}: {note.en} ({note.zh}) {whats}")
    lines += [f"- Deprecated: `{name}`. {why}" for name, why in comparison.announced.items()]
    lines += [f"- Gone after its last day: `{name}`." for name in comparison.gone]
    return "".join(f"{line}\n" for line in lines)


def release(folder: Path, served: str, *, today: dt.date) -> None:
    """Make the schema that is served the baseline, with no notes."""
    (folder / RELEASED).write_text(_HEAD.format(on=today) + served, encoding="utf-8")
    (folder / NOTES).write_text(_NO_NOTES, encoding="utf-8")

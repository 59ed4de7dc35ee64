"""Every table declares whose rows it holds, once, and what is read of it is what was declared."""

from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import pytest
from sqlalchemy import MetaData, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import CreateTable

from gongzhi.core.tables import (
    VERBS,
    Base,
    CodeEnum,
    Kind,
    NodeRow,
    NodeScoped,
    TenantRow,
    UpwardRow,
    Versioned,
    belongs,
    derived,
    node_rows,
    platform_rows,
    shared_rows,
    tenant_rows,
    tree_of,
    upward_rows,
)


class Toy(Base):
    """Tables of this module only: in a metadata of their own, they are never in the real one."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Note(TenantRow, Versioned, Toy):
    __tablename__ = "toy_note"
    __table_args__: ClassVar[Any] = (UniqueConstraint("tenant_id", "title"),)

    title: Mapped[str]


class Roster(UpwardRow, Toy):
    __tablename__ = "toy_roster"


class Count(UpwardRow, Toy):
    __tablename__ = "toy_count"
    __belongs__ = derived(upward_rows())


class Office(NodeScoped, Toy):
    __tablename__ = "toy_office"


class Bulletin(NodeRow, Toy):
    __tablename__ = "toy_bulletin"


class Tree(Toy):
    __tablename__ = "toy_tree"
    __belongs__ = shared_rows(tree=True)

    id: Mapped[UUID] = mapped_column(primary_key=True)


class TestDeclarations:
    @pytest.mark.parametrize(
        ("declared", "kind", "key", "app", "exported"),
        [
            (tenant_rows(), Kind.TENANT, "tenant_id", set(VERBS), True),
            (tenant_rows(app=("select", "insert")), Kind.TENANT, "tenant_id", {"select", "insert"}, True),
            (upward_rows(), Kind.UPWARD, "tenant_id", set(VERBS), True),
            (node_rows(), Kind.NODE, "node_id", set(VERBS), True),
            (node_rows(key="area_id"), Kind.NODE, "area_id", set(VERBS), True),
            (shared_rows(), Kind.SHARED, None, {"select"}, False),
            (platform_rows(), Kind.PLATFORM, None, set(), False),
            (platform_rows(key="scope_id", app=("insert",)), Kind.PLATFORM, "scope_id", {"insert"}, False),
        ],
    )
    def test_say_whose_rows_and_what_the_serving_role_may(self, declared, kind, key, app, exported):
        assert (declared.kind, declared.key, declared.app) == (kind, key, app)
        assert declared.exported is exported

    def test_of_a_platform_table_open_it_by_a_key_only(self):
        with pytest.raises(TypeError, match="only by a key column"):
            platform_rows(app=("select",))

    def test_of_derived_rows_are_guarded_as_their_source_and_never_exported(self):
        source = upward_rows(app=("select",))
        made = derived(source)
        assert (made.derived, made.exported) == (True, False)
        assert (made.kind, made.key, made.app, made.erase) == (
            source.kind,
            source.key,
            source.app,
            source.erase,
        )


class TestBelongs:
    @pytest.mark.parametrize(
        ("model", "declared"),
        [
            (Note, tenant_rows()),
            (Roster, upward_rows()),
            (Count, derived(upward_rows())),
            (Office, node_rows()),
            (Bulletin, node_rows()),
            (Tree, shared_rows(tree=True)),
        ],
    )
    def test_is_what_the_model_declares_or_its_mixin(self, model, declared):
        assert belongs(model.__table__) == declared

    def test_of_an_undeclared_table_is_an_error(self):
        """Not even a guess: an undeclared table fails the start and the tests."""

        class Forgotten(Toy):
            __tablename__ = "toy_forgotten"
            id: Mapped[UUID] = mapped_column(primary_key=True)

        with pytest.raises(LookupError, match="toy_forgotten does not declare whose rows it holds"):
            belongs(Forgotten.__table__)

    def test_of_a_table_without_a_model_is_an_error(self):
        with pytest.raises(LookupError, match="toy_bare"):
            belongs(Table("toy_bare", Toy.metadata))


class TestTreeOf:
    def test_is_the_only_one_that_declares_it(self):
        assert tree_of(Toy.metadata) is Tree.__table__

    def test_of_none_or_several_is_an_error(self):
        with pytest.raises(LookupError, match=r"exactly one table is the tree, not \[\]"):
            tree_of(MetaData())


class TestKeys:
    def test_of_a_community_begin_with_it(self):
        assert [column.name for column in Note.__table__.primary_key] == ["tenant_id", "id"]
        assert [column.name for column in Bulletin.__table__.primary_key] == ["node_id", "id"]
        assert [column.name for column in Office.__table__.primary_key] == ["node_id"]

    def test_come_first_and_the_version_last(self):
        assert [column.name for column in Note.__table__.columns] == ["tenant_id", "id", "title", "version"]

    def test_are_named_so_that_two_revisions_agree(self):
        written = str(CreateTable(Note.__table__).compile(dialect=postgresql.dialect()))
        assert "CONSTRAINT toy_note_pk PRIMARY KEY (tenant_id, id)" in written
        assert "CONSTRAINT toy_note_tenant_id_title_key UNIQUE (tenant_id, title)" in written

    def test_of_the_version_are_the_mappers(self):
        assert Note.__mapper__.version_id_col is Note.__table__.c.version


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class TestCodeEnum:
    def test_is_text_in_the_database(self):
        assert str(CodeEnum(Colour).compile(dialect=postgresql.dialect())) == "TEXT"

    @pytest.mark.parametrize(("value", "stored"), [(Colour.RED, "red"), ("blue", "blue"), (None, None)])
    def test_stores_the_value(self, value, stored):
        written = CodeEnum(Colour).process_bind_param(value, postgresql.dialect())
        assert written == stored
        assert type(written) in (str, type(None))

    def test_stores_no_other(self):
        with pytest.raises(ValueError, match="'green' is not a valid Colour"):
            CodeEnum(Colour).process_bind_param("green", postgresql.dialect())

    @pytest.mark.parametrize(("stored", "member"), [("red", Colour.RED), (None, None)])
    def test_answers_with_the_member(self, stored, member):
        assert CodeEnum(Colour).process_result_value(stored, postgresql.dialect()) is member

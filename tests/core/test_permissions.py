"""A grant reaches its node and what lies beneath, never up or sideways; a token never further than it says."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongzhi.core.actor import Actor, Grant
from gongzhi.core.errors import Forbidden, NotSignedIn
from gongzhi.core.permissions import Allow, Level, Permission, Role, RoleTable

READ, WRITE = Permission("room.thing:read", "查看", "Read"), Permission("room.thing:write", "修改", "Write")
CLERK = Role("clerk", Level.STREET, "办事员", "Clerk")
READER = Role("reader", Level.COMMUNITY, "查阅员", "Reader")
ROLES = RoleTable([CLERK, READER], [READ, WRITE], [Allow("clerk", (READ, WRITE)), Allow("reader", (READ,))])


def actor(*grants, **more):
    made = tuple(Grant(role, uuid4(), path) for role, path in grants)
    return Actor(roles=ROLES, grants=made, **({"account_id": uuid4()} | more))


class TestAPermission:
    @pytest.mark.parametrize(
        "code", ["thing:read", "room.thing", "room.thing:Read", "room.thing:read now", ""]
    )
    def test_reads_room_object_act(self, code):
        with pytest.raises(ValueError, match=r"reads room\.object:act"):
            Permission(code, "某", "Some")

    def test_is_told_by_its_code(self):
        assert str(READ) == "room.thing:read"


class TestTheTable:
    def test_answers_what_a_role_may(self):
        assert ROLES.allowed("clerk") == {"room.thing:read", "room.thing:write"}
        assert ROLES.allowed("reader") == {"room.thing:read"}

    def test_allows_a_role_that_is_gone_nothing(self):
        """A grant may outlive the plugin that declared its role."""
        assert ROLES.allowed("ghost") == frozenset()
        assert not actor(("ghost", "1.")).may(READ, "1.")
        assert actor(("ghost", "1.")).labels("1.") == {}

    def test_gathers_what_several_plugins_allow(self):
        table = RoleTable([CLERK], [READ, WRITE], [Allow("clerk", (READ,)), Allow("clerk", (WRITE,))])
        assert table.allowed("clerk") == {"room.thing:read", "room.thing:write"}


class TestMay:
    @pytest.mark.parametrize(
        ("path", "may"),
        [
            ("1.2.", True),
            ("1.2.3.", True),
            ("1.2.3.4.", True),
            ("1.", False),
            ("1.3.", False),
            ("1.20.", False),
            ("", False),
        ],
    )
    def test_at_and_beneath_the_grant_only(self, path, may):
        assert actor(("clerk", "1.2.")).may(WRITE, path) is may
        assert actor(("clerk", "1.2.")).holds(path) is may

    def test_what_the_role_is_allowed_only(self):
        reader = actor(("reader", "1."))
        assert (reader.may(READ, "1."), reader.may(WRITE, "1.")) == (True, False)

    def test_by_the_grant_that_lies_there(self):
        """Two grants are not added up: a clerk elsewhere is a reader here."""
        both = actor(("clerk", "1.2."), ("reader", "1.3."))
        assert (both.may(WRITE, "1.2."), both.may(WRITE, "1.3."), both.may(READ, "1.3.")) == (
            True,
            False,
            True,
        )

    def test_no_more_than_the_token_says(self):
        token = actor(("clerk", "1."), account_id=None, token_id=uuid4(), only=frozenset({"room.thing:read"}))
        assert (token.may(READ, "1."), token.may(WRITE, "1.")) == (True, False)

    def test_no_more_than_the_role_whatever_the_token_says(self):
        token = actor(("reader", "1."), token_id=uuid4(), only=frozenset({"room.thing:write"}))
        assert (token.may(READ, "1."), token.may(WRITE, "1.")) == (False, False)

    def test_everything_for_the_platform_itself(self):
        assert Actor(roles=ROLES, robot="sweep").may(WRITE, "")

    @given(
        st.lists(st.text("01", min_size=1, max_size=2), max_size=4),
        st.lists(st.text("01", min_size=1, max_size=2), max_size=4),
    )
    def test_exactly_where_the_grants_steps_begin_the_paths(self, granted, asked):
        grant, path = ("".join(f"{step}." for step in steps) for steps in (granted, asked))
        assert actor(("clerk", grant)).may(WRITE, path) is (asked[: len(granted)] == granted)


class TestRequire:
    def test_goes_on_with_the_permission(self):
        actor(("clerk", "1.")).require(WRITE, "1.2.")

    def test_refuses_without_and_names_it(self):
        with pytest.raises(Forbidden, match=r"room\.thing:write"):
            actor(("reader", "1.")).require(WRITE, "1.")

    def test_asks_nobody_to_sign_in(self):
        """Who is not signed in learns nothing of permissions."""
        with pytest.raises(NotSignedIn):
            Actor(roles=ROLES).require(READ, "1.")


class TestTheCallersId:
    def test_is_the_tokens_or_the_accounts(self):
        account, token = UUID(int=1), UUID(int=2)
        assert Actor(roles=ROLES, account_id=account).caller_id == account
        assert Actor(roles=ROLES, account_id=account, token_id=token).caller_id == token

    def test_of_nobody_is_not_to_be_had(self):
        with pytest.raises(NotSignedIn):
            _ = Actor(roles=ROLES).caller_id


class TestLabels:
    def test_are_the_roles_held_there(self):
        held = actor(("clerk", "1.2."), ("reader", "1.3."))
        assert held.labels("1.2.9.") == {"clerk": CLERK}
        assert held.labels("1.3.") == {"reader": READER}
        assert held.labels("1.") == {}

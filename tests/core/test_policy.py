"""The bit masks answer what casbin answers to the same rows, whatever rows they are."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

import casbin
import pytest
from casbin.model import Model
from hypothesis import given, settings
from hypothesis import strategies as st

from gongzhi.core.actor import Actor, Grant
from gongzhi.core.permissions import Allow, Level, Permission, Role, RoleTable
from gongzhi.core.policy import MODEL, Powers, Row, compiled, enforcer, role_rows

PERMISSIONS = tuple(
    Permission(f"room.thing:{act}", "办理", "Work") for act in ("read", "note", "file", "end")
)
CODES = tuple(permission.code for permission in PERMISSIONS)
#: Named by rows, registered by no plugin.
GONE = Permission("room.thing:gone", "办理", "Work")
BUILT_IN = ("clerk", "head", "guard")
OWN = tuple(f"own:{number}" for number in range(4))
#: Held or included, and made by nobody.
GHOSTS = ("ghost", "own:ghost")
ACCOUNTS = ("zhang", "li")
#: A node and its child, siblings whose names begin alike, another county.
NODES = ("1.", "1.2.", "1.20.", "1.2.3.", "1.3.", "2.")
PATHS = (*NODES, "1.2.3.4.", "")


@dataclass(frozen=True)
class Policy:
    """Roles and who holds them where; no other truth than this."""

    built_in: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    own: dict[str, tuple[set[str], set[str], set[str]]] = field(default_factory=dict)
    grants: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def table(self) -> RoleTable:
        """The built-in roles, as plugins declare them."""
        by_code = {permission.code: permission for permission in PERMISSIONS}
        allows = [
            Allow(role, *(tuple(by_code[code] for code in sorted(codes)) for codes in powers))
            for role, powers in self.built_in.items()
        ]
        return RoleTable([Role(code, Level.STREET, code, code) for code in BUILT_IN], PERMISSIONS, allows)

    @property
    def own_rows(self) -> list[Row]:
        """What the own roles add."""
        return [row for role, powers in self.own.items() for row in role_rows(role, *powers)]

    @property
    def rows(self) -> list[Row]:
        """All of it, as casbin reads it."""
        return [*self.table.rows, *self.own_rows, *(("g", *grant) for grant in self.grants)]

    def actor(self, account: str, only: frozenset[str] | None = None) -> Actor:
        """The account as requests know it."""
        table = self.table
        powers = table.with_rows(self.own_rows)
        grants = tuple(
            Grant(role, uuid5(UUID(int=0), path), path, powers=powers.get(role, Powers()))
            if role.startswith("own:")
            else Grant(role, uuid5(UUID(int=0), path), path)
            for holder, role, path in self.grants
            if holder == account
        )
        return Actor(roles=table, grants=grants, account_id=uuid5(UUID(int=1), account), only=only)


def some(of):
    return st.sets(st.sampled_from(of), max_size=3)


@st.composite
def policies(draw, *, acyclic=False):
    built_in = {role: (draw(some(CODES)), draw(some(CODES))) for role in BUILT_IN}
    own = {}
    for at, role in enumerate(OWN):
        others = (*BUILT_IN, *GHOSTS, *(OWN[:at] if acyclic else OWN))
        own[role] = (draw(some((*CODES, GONE.code))), draw(some((*CODES, GONE.code))), draw(some(others)))
    held = st.tuples(
        st.sampled_from(ACCOUNTS), st.sampled_from((*BUILT_IN, *OWN, *GHOSTS)), st.sampled_from(NODES)
    )
    return Policy(built_in, own, draw(st.lists(held, max_size=5)))


def differing(policy, asked):
    """The questions that the two answer differently; every one there is, is asked."""
    return [
        (account, path, permission.code)
        for account in (*ACCOUNTS, "nobody")
        for actor in [policy.actor(account)]
        for path in PATHS
        for permission in PERMISSIONS
        if actor.may(permission, path) is not asked.enforce(account, path, permission.code)
    ]


class TestTheMasks:
    @settings(max_examples=120, deadline=None, print_blob=True)
    @given(policies(acyclic=True))
    def test_answer_as_casbin_does(self, policy):
        assert differing(policy, enforcer(policy.rows)) == []

    @settings(max_examples=60, deadline=None, print_blob=True)
    @given(policies())
    def test_answer_as_casbin_does_where_roles_include_each_other(self, policy):
        """The service refuses such roles; rows from elsewhere may have them, and no answer may hang on it."""
        assert differing(policy, enforcer(policy.rows)) == []

    @pytest.mark.parametrize("length", [2, 8])
    def test_answer_as_casbin_does_through_as_many_steps_as_a_role_may_take(self, length):
        """Casbin walks ten steps unless it is told otherwise, and then neither allows nor denies."""
        own = {f"own:{at}": (set(), set(), {f"own:{at + 1}"}) for at in range(length)}
        own[f"own:{length}"] = ({CODES[0]}, {CODES[1]}, set())
        grants = [("zhang", "own:0", "1."), ("zhang", "clerk", "1.")]
        policy = Policy({"clerk": ({CODES[1]}, set())}, own, grants)
        assert differing(policy, enforcer(policy.rows)) == []

    @settings(max_examples=60, deadline=None, print_blob=True)
    @given(policies(), some((*CODES, GONE.code)))
    def test_of_a_token_are_those_of_its_role_and_its_scopes(self, policy, scopes):
        whole = policy.actor("zhang")
        token = policy.actor("zhang", only=frozenset(scopes))
        for path in PATHS:
            for permission in PERMISSIONS:
                expected = whole.may(permission, path) and permission.code in scopes
                assert token.may(permission, path) is expected

    @settings(max_examples=60, deadline=None, print_blob=True)
    @given(policies())
    def test_know_no_permission_that_nobody_registers(self, policy):
        """A plugin is gone and own roles still name what it had: nobody is allowed it, and nothing else changes."""
        assert not any(policy.actor(account).may(GONE, path) for account in ACCOUNTS for path in PATHS)
        without = {
            role: (allowed - {GONE.code}, denied - {GONE.code}, included)
            for role, (allowed, denied, included) in policy.own.items()
        }
        rows = [row for role, powers in without.items() for row in role_rows(role, *powers)]
        before, after = policy.table.with_rows(policy.own_rows), policy.table.with_rows(rows)
        for role in OWN:
            assert before.get(role, Powers()) == after.get(role, Powers())


class TestADeny:
    @settings(max_examples=60, deadline=None, print_blob=True)
    @given(policies(), st.sampled_from(NODES), st.sampled_from(PERMISSIONS))
    def test_wins_at_its_node_and_beneath_whatever_else_is_held(self, policy, node, permission):
        before = policy.actor("zhang")
        own = policy.own | {"own:ban": (set(), {permission.code}, set())}
        banned = Policy(policy.built_in, own, [*policy.grants, ("zhang", "own:ban", node)]).actor("zhang")
        for path in PATHS:
            for one in PERMISSIONS:
                expected = before.may(one, path) and not (one == permission and path.startswith(node))
                assert banned.may(one, path) is expected

    def test_wins_over_an_allow_further_down(self):
        own = {"own:ban": (set(), {CODES[0]}, set())}
        grants = [("zhang", "own:ban", "1."), ("zhang", "clerk", "1.2.3.")]
        policy = Policy({"clerk": ({CODES[0]}, set())}, own, grants)
        assert not policy.actor("zhang").may(PERMISSIONS[0], "1.2.3.")
        assert not enforcer(policy.rows).enforce("zhang", "1.2.3.", CODES[0])

    def test_comes_with_a_role_that_includes_it(self):
        own = {"own:ban": (set(), {CODES[0]}, set()), "own:both": ({CODES[1]}, set(), {"clerk", "own:ban"})}
        policy = Policy({"clerk": ({CODES[0]}, set())}, own, [("li", "own:both", "1.")])
        li = policy.actor("li")
        assert [li.may(permission, "1.2.") for permission in PERMISSIONS] == [False, True, False, False]

    def test_of_one_account_is_not_anothers(self):
        own = {"own:ban": (set(), {CODES[0]}, set())}
        grants = [("zhang", "own:ban", "1."), ("li", "clerk", "1."), ("zhang", "clerk", "1.")]
        policy = Policy({"clerk": ({CODES[0]}, set())}, own, grants)
        assert [policy.actor(one).may(PERMISSIONS[0], "1.") for one in ACCOUNTS] == [False, True]


class TestARole:
    def test_that_includes_itself_brings_what_it_has(self):
        rows = role_rows("own:0", [CODES[0]], [CODES[1]], ["own:0"])
        assert compiled(rows, {CODES[0]: 0, CODES[1]: 1}) == {"own:0": Powers(allow=1, deny=2)}

    def test_of_a_circle_brings_what_all_of_it_have(self):
        rows = [*role_rows("a", [CODES[0]], (), ["b"]), *role_rows("b", [], [CODES[1]], ["a"])]
        both = Powers(allow=1, deny=2)
        assert compiled(rows, {CODES[0]: 0, CODES[1]: 1}) == {"a": both, "b": both}

    def test_that_nobody_made_brings_nothing(self):
        policy = Policy(grants=[("zhang", "ghost", "1."), ("zhang", "own:ghost", "1.")])
        assert policy.actor("zhang").mask("1.") == 0
        assert policy.actor("zhang").holds("1.")


class TestTheModel:
    """It is casbin's own language, and rows are: nothing of ours is needed to check us."""

    def loaded(self, policy: Policy, folder: Path) -> casbin.Enforcer:
        """Plain casbin with two files, as its manual says; beneath is told the way it is for every model."""
        model, rows = folder / "model.conf", folder / "policy.csv"
        model.write_text(MODEL, encoding="utf-8")
        rows.write_text("".join(f"{', '.join(row)}\n" for row in policy.rows), encoding="utf-8")
        asked = casbin.Enforcer(str(model), casbin.FileAdapter(str(rows)))
        asked.add_named_domain_matching_func("g", str.startswith)
        return asked

    def test_is_read_by_plain_casbin(self):
        model = Model()
        model.load_model_from_text(MODEL)
        asked = casbin.Enforcer(model)
        asked.add_policy("clerk", CODES[0], "allow")
        asked.add_grouping_policy("zhang", "clerk", "1.2.")
        assert asked.enforce("zhang", "1.2.", CODES[0])
        assert not asked.enforce("zhang", "1.3.", CODES[0])

    def test_answers_the_same_from_a_file_of_rows(self, tmp_path):
        @settings(max_examples=40, deadline=None, print_blob=True)
        @given(policies(acyclic=True))
        def compare(policy):
            assert differing(policy, self.loaded(policy, tmp_path)) == []

        compare()

    def test_reads_back_every_row(self, tmp_path):
        policy = Policy(
            {"clerk": ({CODES[0]}, {CODES[1]})},
            {"own:0": ({CODES[2]}, set(), {"clerk"})},
            [("zhang", "own:0", "1.2.")],
        )
        asked = self.loaded(policy, tmp_path)
        read = [("p", *row) for row in asked.get_policy()] + [
            ("g", *row) for row in asked.get_grouping_policy()
        ]
        assert sorted(read) == sorted(policy.rows)
        assert asked.enforce("zhang", "1.2.3.", CODES[0])

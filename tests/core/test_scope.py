"""A scope is one community or a range of the tree; the range holds exactly what lies beneath its node."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongzhi.core.errors import ScopeNeedsCommunity, ScopeNeedsRange
from gongzhi.core.scope import Community, Range, ScopeNotSet, range_of, tenant_of

STEPS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=4)
PATHS = st.lists(STEPS, min_size=1, max_size=5).map(lambda steps: "".join(f"{step}." for step in steps))


class TestACommunity:
    def test_is_its_own_node_and_no_range(self):
        tenant = uuid4()
        scope = Community(tenant, "1.2.")
        assert scope.node == tenant
        assert scope.settings() == (str(tenant), "", "")
        assert tenant_of(scope) == tenant
        with pytest.raises(ScopeNeedsRange):
            range_of(scope)


class TestARange:
    def test_names_no_community(self):
        scope = Range(uuid4(), "1.2.")
        assert scope.settings() == ("", "1.2.", "1.2/")
        assert range_of(scope) is scope
        with pytest.raises(ScopeNeedsCommunity):
            tenant_of(scope)

    @given(PATHS, PATHS)
    def test_holds_what_lies_beneath_and_nothing_else(self, node, other):
        """Compared byte by byte, as the column's collation "C" does: ``1.2`` is not the parent of ``1.20``."""
        scope = Range(uuid4(), node)
        assert (scope.lo <= other < scope.hi) == other.startswith(node)

    @given(PATHS, PATHS)
    def test_holds_every_descendant(self, node, below):
        scope = Range(uuid4(), node)
        assert scope.lo <= node + below < scope.hi


class TestNoScope:
    @pytest.mark.parametrize("wanted", [tenant_of, range_of])
    def test_is_a_mistake_of_ours(self, wanted):
        with pytest.raises(ScopeNotSet):
            wanted(None)

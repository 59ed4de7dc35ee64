"""The scope header opens what the grants reach, and tells nothing of the rest."""

from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import event

from gongzhi.core.api import Actor, Credentials, Grant, ScopeUnknown, UnitOfWork, system_work
from gongzhi.core.scope import Community, Range
from gongzhi.tenants import desk
from gongzhi.tenants.callers import find_area, find_caller
from gongzhi.tenants.models import Area, AreaCode, CodeStatus

HERE = "{ here { code level } }"


@pytest.fixture
def operator(client, county, token_for):
    """A client with a token of the whole county."""
    return client.as_(token_for("county_operator", county.county))


@pytest.fixture
def elsewhere(make_county):
    """A county that the caller has nothing to do with."""
    return make_county()


class TestHeader:
    async def test_names_a_community(self, operator, county):
        answered = await operator.as_(scope=county.community).ask(HERE)

        assert answered.data == {"here": {"code": county.community, "level": "COMMUNITY"}}

    async def test_names_a_street(self, operator, county):
        assert (await operator.as_(scope=county.street).ask(HERE)).data["here"]["level"] == "STREET"

    async def test_names_a_county(self, operator, county):
        answered = await operator.as_(scope=county.county).ask(HERE)

        assert answered.data == {"here": {"code": county.county, "level": "COUNTY"}}

    async def test_names_a_node_by_its_id(self, operator, county):
        answered = await operator.as_(scope=str(county.scope().node)).ask(HERE)

        assert answered.data["here"]["code"] == county.community

    async def test_may_stand_in_blanks(self, operator, county):
        assert (await operator.as_(scope=f" {county.community} ").ask(HERE)).errors == []

    async def test_reaches_down_and_never_up(self, client, kernel, county):
        """A grant at the community opens neither its street, nor its county, nor its neighbour."""
        token = await desk.create_token(kernel, county.community, label="admin", role="community_admin")
        admin = client.as_(token)

        for code in (county.street, county.county, county.communities[1]):
            assert (await admin.as_(scope=code).ask(HERE)).code == "SCOPE_UNKNOWN"
        assert (await admin.as_(scope=county.community).ask(HERE)).errors == []

    async def test_may_be_a_code_of_former_times(self, kernel, operator, county):
        """A community keeps its id through every change of code; papers with the old one still lead there."""
        former = f"{county.street}997"
        async with system_work(kernel) as work:
            work.session.add(
                AreaCode(
                    area_id=county.scope().node,
                    code=former,
                    valid_from=date(2010, 1, 1),
                    valid_to=date(2020, 1, 1),
                    status=CodeStatus.HISTORICAL,
                )
            )

        assert (await operator.as_(scope=former).ask(HERE)).data["here"]["code"] == county.community

    async def test_prefers_who_has_the_code_now(self, kernel, county):
        """Codes are given out again; today's holder is meant."""
        async with system_work(kernel) as work:
            work.session.add(
                AreaCode(
                    area_id=county.scope(county.communities[1]).node,
                    code=county.community,
                    valid_from=date(2010, 1, 1),
                    valid_to=date(2020, 1, 1),
                    status=CodeStatus.HISTORICAL,
                )
            )
        async with system_work(kernel) as work:
            found = await find_area(work.session, county.community)

        assert found is not None
        assert found.id == county.scope().node


class TestForeign:
    async def test_is_told_like_unknown(self, operator, elsewhere):
        """Whether a community works on the platform is nobody's business."""
        foreign = await operator.as_(scope=elsewhere.community).ask(HERE)
        unknown = await operator.as_(scope="999999999999").ask(HERE)

        assert foreign.code == unknown.code == "SCOPE_UNKNOWN"
        assert foreign.status == unknown.status
        told = str(foreign.body).replace(elsewhere.community, "999999999999")
        assert told == str(unknown.body)

    async def test_is_told_like_unknown_even_when_suspended(self, kernel, operator, elsewhere):
        await desk.turn_community(kernel, elsewhere.community, "suspend")

        assert (await operator.as_(scope=elsewhere.community).ask(HERE)).code == "SCOPE_UNKNOWN"

    async def test_id_is_told_like_unknown(self, operator, elsewhere):
        for named in (elsewhere.scope().node, uuid4()):
            assert (await operator.as_(scope=str(named)).ask(HERE)).code == "SCOPE_UNKNOWN"

    async def test_takes_the_same_statements_as_unknown(
        self, kernel, county, elsewhere, token_for, monkeypatch
    ):
        """Otherwise the time taken would tell what the answer does not."""
        bearer = await desk.create_token(kernel, county.county, label="timing", role="county_operator")
        await find_caller(kernel, Credentials(bearer=bearer, scope=county.county))
        asked = {}
        for named in (elsewhere.community, "999999999999", str(elsewhere.scope().node), str(uuid4())):
            statements = asked.setdefault(named, [])

            def note(_connection, _cursor, statement, *_more, into=statements):
                into.append(statement)

            async def noted(work, statement, *values, into=statements, fetch=UnitOfWork.fetchrow):
                into.append(statement)
                return await fetch(work, statement, *values)

            engine = kernel.database.engine("gongzhi_system").sync_engine
            event.listen(engine, "before_cursor_execute", note)
            with monkeypatch.context() as patched:
                patched.setattr(UnitOfWork, "fetchrow", noted)
                with pytest.raises(ScopeUnknown):
                    await find_caller(kernel, Credentials(bearer=bearer, scope=named))
            event.remove(engine, "before_cursor_execute", note)

        foreign, unknown, foreign_id, unknown_id = asked.values()
        assert foreign == unknown
        assert foreign_id == unknown_id
        assert len(foreign) > 3

    async def test_leaves_an_audit_entry(self, kernel, operator, elsewhere, county, rows_of):
        seen = (
            "select e.outcome, e.account_id from core.audit e join tenants.api_token t on t.id = e.token_id "
            "join tenants.area a on a.id = t.node_id where e.action = 'tenants.scope.enter' and a.code = %s"
        )
        assert rows_of(kernel, seen, county.county) == []

        await operator.as_(scope=elsewhere.community).ask(HERE)

        assert rows_of(kernel, seen, county.county) == [("SCOPE_UNKNOWN", None)]

    @pytest.mark.parametrize(
        "named", ["0", "5304250010", "'; select 1", "530425*", "x" * 4000, "5" * 16, "{}"]
    )
    async def test_nonsense_is_unknown(self, named, operator):
        answered = await operator.as_(scope=named).ask(HERE)

        assert answered.code == "SCOPE_UNKNOWN"
        assert len(answered.errors[0]["message"]) < 200


class TestSuspended:
    async def test_community_is_not_active(self, kernel, operator, county):
        await desk.turn_community(kernel, county.community, "suspend")

        answered = await operator.as_(scope=county.community).ask(HERE)

        assert answered.code == "COMMUNITY_NOT_ACTIVE"
        assert (await operator.as_(scope=county.communities[1]).ask(HERE)).errors == []

    async def test_community_can_be_resumed(self, kernel, operator, county):
        await desk.turn_community(kernel, county.community, "suspend")
        await desk.turn_community(kernel, county.community, "resume")

        assert (await operator.as_(scope=county.community).ask(HERE)).errors == []

    async def test_community_is_still_listed_above(self, kernel, operator, county):
        await desk.turn_community(kernel, county.community, "suspend")

        listed = await operator.ask("{ communities { nodes { state area { code } } } }")

        states = {node["area"]["code"]: node["state"] for node in listed.data["communities"]["nodes"]}
        assert states == {county.community: "SUSPENDED", county.communities[1]: "ACTIVE"}


class TestDefault:
    async def test_is_the_only_node_of_the_grants(self, client, kernel, county, somebody_signed_in):
        caller = await somebody_signed_in(
            ("community_admin", county.community), ("mediator", county.community)
        )

        assert (await client.as_(**caller).ask(HERE)).data["here"]["code"] == county.community

    async def test_is_missing_where_there_are_several(self, client, county, somebody_signed_in):
        caller = await somebody_signed_in(*(("mediator", code) for code in county.communities))

        assert (await client.as_(**caller).ask(HERE)).code == "SCOPE_MISSING"
        for code in county.communities:
            assert (await client.as_(scope=code, **caller).ask(HERE)).data["here"]["code"] == code

    async def test_is_missing_where_there_is_none(self, client, somebody_signed_in):
        caller = await somebody_signed_in()

        assert (await client.as_(**caller).ask(HERE)).code == "SCOPE_MISSING"
        assert (await client.as_(**caller).ask("{ me { roles { code } } }")).data == {"me": {"roles": []}}

    async def test_is_nobody_s_without_credentials(self, client, county):
        answered = await client.as_(scope=county.community).ask(HERE)

        assert answered.code == "NOT_SIGNED_IN"


class TestActor:
    def test_holds_a_path_whole_and_no_neighbour_s(self, kernel):
        """ "1.2." does not begin "1.23."; every step ends in its own sign."""
        actor = Actor(roles=kernel.roles, grants=(Grant("mediator", uuid4(), "1.2."),), account_id=uuid4())

        assert actor.holds("1.2.")
        assert actor.holds("1.2.3.")
        assert not actor.holds("1.23.")
        assert not actor.holds("1.")

    async def test_scope_is_of_the_node_s_kind(self, kernel, county):
        assert isinstance(county.scope(), Community)
        assert isinstance(county.scope(county.street), Range)
        async with system_work(kernel) as work:
            area = await work.session.get(Area, county.scope().node)
        assert area.path.startswith(county.scope(county.county).path)

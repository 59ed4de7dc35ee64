"""Duties that are kept apart: who did one with an object never does the other with it, however it is tried."""

import asyncio
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from gongzhi.core.actor import Actor, Grant
from gongzhi.core.caller import Caller
from gongzhi.core.commands import Input, Service, case_of, performing, ref, use_case
from gongzhi.core.errors import DutiesSeparated, Forbidden, Invalid
from gongzhi.core.ids import global_id, parse_global_id
from gongzhi.core.models import Audit, Job
from gongzhi.core.permissions import Allow, Level, Permission, Role, RoleTable, Separation
from gongzhi.core.scope import Community
from gongzhi.core.system import system_work
from gongzhi.tenants import desk
from gongzhi.tenants.models import Tenant
from gongzhi.tenants.service.communities import Communities
from gongzhi.tenants.testing import actor_of

OPEN, CLAIM, REVIEW = (
    Permission(f"apart.claim:{act}", zh, en)
    for act, zh, en in (("open", "登记", "open"), ("file", "申领", "claim"), ("review", "审核", "review"))
)
CLERK = Role("clerk", Level.COMMUNITY, "办事员", "Clerk")
APART = Separation(CLAIM, REVIEW, "申领与审核须由两人办理", "who claims does not review")
KEY = "a-key-of-enough-letters"
ROLES = RoleTable([CLERK], [OPEN, CLAIM, REVIEW], [Allow("clerk", (OPEN, CLAIM, REVIEW))], [APART])


class Which(Input):
    """A claim."""

    claim_id: Annotated[UUID, ref("Job", "Which.")]


class Claims(Service):
    """Claims, and what is done with them; each command leaves a mark of its own beside it."""

    @use_case(OPEN)
    async def open(self) -> Job:
        """Open one."""
        job = Job(scope_id=self.work.stream, kind="claim")
        self.session.add(job)
        return job

    @use_case(CLAIM)
    async def claim(self, which: Which) -> Job:
        """Claim."""
        return await self._leave("claimed", which)

    @use_case(CLAIM)
    async def enlarge(self, which: Which) -> Job:
        """Claim more: another command of the same permission."""
        return await self._leave("enlarged", which)

    @use_case(CLAIM)
    async def fail(self, which: Which) -> Job:
        """Claim, and find out late that it does not fit."""
        await self._leave("failed", which)
        await self.work.flush()
        raise Invalid(path="claimId", problem="no")

    @use_case(REVIEW)
    async def review(self, which: Which) -> Job:
        """Review."""
        return await self._leave("reviewed", which)

    async def _leave(self, mark: str, which: Which) -> Job:
        job = await self.work.load(Job, which.claim_id)
        self.session.add(Job(scope_id=job.scope_id, kind=f"{mark} {job.id}"))
        return job


BOTH_ORDERS = pytest.mark.parametrize(
    ("first", "then"),
    [(Claims.claim, Claims.review), (Claims.review, Claims.claim), (Claims.enlarge, Claims.review)],
    ids=["claim first", "review first", "another command of it first"],
)


class Office:
    """One community where claims are worked on."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.scope = Community(uuid4(), "01.02.")

    def somebody(self, **who):
        grants = (Grant("clerk", self.scope.node, self.scope.path),)
        return Caller(
            actor=Actor(roles=ROLES, grants=grants, **(who or {"account_id": uuid4()})), scope=self.scope
        )

    async def do(self, caller, method, claim=None, *, key=None):
        case = case_of(method)
        raw = {} if claim is None else {"claim_id": claim}
        async with performing(self.kernel, caller, case, raw, operation=case.method, key=key) as performed:
            return performed.result

    async def claim(self):
        """The id of a new one, as clients know it."""

        return global_id("Job", (await self.do(self.somebody(), Claims.open)).id)

    async def done_with(self, claim):
        """The marks that commands left beside it, in order."""
        _kind, row_id = parse_global_id(claim)
        query = select(Job.kind).where(Job.kind.endswith(f" {row_id}")).order_by(Job.id)
        async with system_work(self.kernel) as work:
            return [kind.split()[0] for kind in (await work.session.scalars(query)).all()]

    async def audited(self, caller):
        """(action, outcome) of all that this caller tried, in order."""
        actor = caller.actor
        whose = Audit.token_id == actor.token_id if actor.token_id else Audit.account_id == actor.account_id
        async with system_work(self.kernel) as work:
            query = select(Audit.action, Audit.outcome).where(whose, Audit.scope_id == self.scope.node)
            return [tuple(row) for row in (await work.session.execute(query.order_by(Audit.id))).all()]


@pytest.fixture
def office(kernel):
    return Office(kernel)


class TestTheSamePerson:
    @BOTH_ORDERS
    async def test_is_refused_the_other_duty_on_record_and_nothing_is_done(self, office, first, then):
        claim, zhang = await office.claim(), office.somebody()
        await office.do(zhang, first, claim)
        before = await office.done_with(claim)
        for _ in range(2):
            with pytest.raises(DutiesSeparated):
                await office.do(zhang, then, claim)
        assert await office.done_with(claim) == before
        refused = (case_of(then).action, "DUTIES_SEPARATED")
        assert await office.audited(zhang) == [(case_of(first).action, "done"), refused, refused]

    async def test_is_told_which_duty_and_why_in_both_languages(self, office):
        claim, zhang = await office.claim(), office.somebody()
        await office.do(zhang, Claims.claim, claim)
        with pytest.raises(DutiesSeparated) as refused:
            await office.do(zhang, Claims.review, claim)
        assert "申领与审核须由两人办理" in refused.value.message("zh")
        assert "审核" in refused.value.message("zh")
        assert "who claims does not review" in refused.value.message("en")

    async def test_does_the_same_duty_as_often_as_needed(self, office):
        claim, zhang = await office.claim(), office.somebody()
        for method in (Claims.claim, Claims.enlarge, Claims.claim):
            await office.do(zhang, method, claim)
        assert await office.done_with(claim) == ["claimed", "enlarged", "claimed"]

    async def test_does_the_other_with_another_object(self, office):
        mine, other, zhang = await office.claim(), await office.claim(), office.somebody()
        await office.do(zhang, Claims.claim, mine)
        await office.do(zhang, Claims.review, other)
        assert await office.done_with(other) == ["reviewed"]

    async def test_is_refused_with_a_key_and_the_key_stays_free(self, office):
        claim, zhang, li = await office.claim(), office.somebody(), office.somebody()
        await office.do(zhang, Claims.claim, claim)
        for _ in range(2):
            with pytest.raises(DutiesSeparated):
                await office.do(zhang, Claims.review, claim, key=KEY)
        await office.do(li, Claims.review, claim, key=KEY)
        assert await office.done_with(claim) == ["claimed", "reviewed"]

    async def test_does_one_of_both_when_trying_both_at_once(self, office):
        """Neither attempt sees the other until it is committed, so that one of them has to wait."""
        for _ in range(10):
            claim, zhang = await office.claim(), office.somebody()
            attempts = [office.do(zhang, method, claim) for method in (Claims.claim, Claims.review)]
            came = await asyncio.gather(*attempts, return_exceptions=True)
            done = await office.done_with(claim)
            assert len(done) == 1, (done, came)


class TestAnotherPerson:
    @BOTH_ORDERS
    async def test_does_the_other_duty(self, office, first, then):
        claim, li = await office.claim(), office.somebody()
        await office.do(office.somebody(), first, claim)
        await office.do(li, then, claim)
        assert len(await office.done_with(claim)) == 2
        assert await office.audited(li) == [(case_of(then).action, "done")]

    async def test_is_a_token(self, office):
        """Whoever holds it: a token is its own person, kept apart from itself and from nobody else."""
        claim, token, zhang = await office.claim(), office.somebody(token_id=uuid4()), office.somebody()
        await office.do(token, Claims.claim, claim)
        with pytest.raises(DutiesSeparated):
            await office.do(token, Claims.review, claim)
        await office.do(zhang, Claims.review, claim)
        other = office.somebody(token_id=uuid4())
        await office.do(other, Claims.review, claim)
        assert await office.done_with(claim) == ["claimed", "reviewed", "reviewed"]


class TestARobot:
    @BOTH_ORDERS
    async def test_does_both(self, office, first, then):
        """The platform's own work follows rules, not interests."""
        claim = await office.claim()
        robot = Caller(actor=Actor(roles=ROLES, robot="sweep"), scope=office.scope)
        for method in (first, then):
            await office.do(robot, method, claim)
        assert len(await office.done_with(claim)) == 2


class TestAnAttempt:
    async def test_that_was_refused_does_not_count(self, office):
        claim, zhang = await office.claim(), office.somebody()
        with pytest.raises(Invalid):
            await office.do(zhang, Claims.fail, claim)
        await office.do(zhang, Claims.review, claim)
        assert await office.done_with(claim) == ["reviewed"]

    async def test_that_was_refused_for_want_of_permission_does_not_count(self, office):
        claim, zhang = await office.claim(), office.somebody()
        nobody = Caller(
            actor=Actor(roles=ROLES, grants=(), account_id=zhang.actor.account_id), scope=office.scope
        )
        with pytest.raises(Forbidden):
            await office.do(nobody, Claims.claim, claim)
        await office.do(zhang, Claims.review, claim)
        assert await office.done_with(claim) == ["reviewed"]


class TestASeparation:
    def test_knows_the_other_of_the_two(self):
        assert [APART.other(one) for one in (CLAIM, REVIEW, OPEN)] == [REVIEW, CLAIM, None]

    async def test_leaves_other_duties_alone(self, office):
        zhang = office.somebody()

        claim = global_id("Job", (await office.do(zhang, Claims.open)).id)
        await office.do(zhang, Claims.review, claim)
        assert await office.done_with(claim) == ["reviewed"]

    async def test_counts_nothing_without_one(self, office):
        """Which duties are apart is data: the same commands under a table that separates nothing."""
        free = RoleTable([CLERK], [OPEN, CLAIM, REVIEW], [Allow("clerk", (OPEN, CLAIM, REVIEW))])
        zhang = office.somebody()
        free_actor = Actor(roles=free, grants=zhang.actor.grants, account_id=zhang.actor.account_id)
        claim = await office.claim()
        for method in (Claims.claim, Claims.review):
            await office.do(Caller(actor=free_actor, scope=office.scope), method, claim)
        async with system_work(office.kernel) as work:
            tried = select(func.count()).select_from(Audit).where(Audit.scope_id == office.scope.node)
            assert (await work.session.scalars(tried)).one() == 3


class TestTheHousesOwn:
    """Who suspends a community does not archive it."""

    async def turn(self, kernel, place, actor, step, code, *, version):
        raw = {"community_id": global_id("Community", place.scope().node), "version": version}
        caller = Caller(actor=actor, scope=place.scope(code))
        async with performing(kernel, caller, case_of(getattr(Communities, step)), raw, operation=step):
            pass

    async def state(self, kernel, place):
        async with system_work(kernel) as work:
            query = select(Tenant.state).where(Tenant.id == place.scope().node)
            return (await work.session.scalars(query)).one().value

    async def test_pair_is_done_by_two(self, kernel, county):
        there = county.scope(county.county)
        zhang, li = (actor_of(kernel, "county_operator", there) for _ in range(2))
        await self.turn(kernel, county, zhang, "suspend", county.county, version=1)
        with pytest.raises(DutiesSeparated):
            await self.turn(kernel, county, zhang, "archive", county.county, version=2)
        assert await self.state(kernel, county) == "suspended"
        await self.turn(kernel, county, li, "archive", county.county, version=2)
        assert await self.state(kernel, county) == "archived"

    @pytest.mark.parametrize("down", [True, False], ids=["county, then street", "street, then county"])
    async def test_pair_is_kept_apart_wherever_one_stands(self, kernel, county, down):
        """The county's operator enters streets as well, from where the county's records are not seen."""
        zhang = actor_of(kernel, "county_operator", county.scope(county.county))
        first, then = (county.county, county.street) if down else (county.street, county.county)
        await self.turn(kernel, county, zhang, "suspend", first, version=1)
        with pytest.raises(DutiesSeparated):
            await self.turn(kernel, county, zhang, "archive", then, version=2)
        assert await self.state(kernel, county) == "suspended"

    async def test_pair_is_refused_to_clients_as_what_they_may_not(self, client, kernel, county):
        token = await desk.create_token(kernel, county.county, label="x", role="county_operator")
        operator = client.as_(token, county.county)
        community = {"communityId": global_id("Community", county.scope().node)}
        await operator.do("suspendCommunity", {**community, "version": 1})
        refused = await operator.do("archiveCommunity", {**community, "version": 2})
        assert (refused["__typename"], refused["code"]) == ("PermissionMissing", "DUTIES_SEPARATED")

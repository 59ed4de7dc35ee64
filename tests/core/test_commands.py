"""Commands: permission, one audit entry, idempotency by key, refusals worth an entry of their own."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, select

from gongzhi.core import clock
from gongzhi.core.actor import Actor, Grant
from gongzhi.core.caller import Caller
from gongzhi.core.commands import (
    Input,
    NoInput,
    Service,
    case_of,
    performing,
    ref,
    told,
    understand,
    use_case,
)
from gongzhi.core.errors import (
    Forbidden,
    Invalid,
    KeyReused,
    NotSignedIn,
    ScopeMissing,
    ScopeNeedsCommunity,
    ScopeNeedsRange,
)
from gongzhi.core.ids import global_id
from gongzhi.core.models import Audit, Idempotency, Job
from gongzhi.core.permissions import Allow, Level, Permission, Role, RoleTable
from gongzhi.core.relay import sweep
from gongzhi.core.scope import Community, Range
from gongzhi.core.system import system_work

NOTE = Permission("test.thing:note", "记录", "Note")
NOTER, ONLOOKER = (Role(code, Level.COMMUNITY, code, code) for code in ("noter", "onlooker"))
ROLES = RoleTable([NOTER, ONLOOKER], [NOTE], [Allow("noter", (NOTE,))])
KEY = "a-key-of-enough-letters"
NAME = "张三丰"


class Line(Input):
    """A line of a note."""

    grid_id: Annotated[UUID, ref("Grid", "Which grid.")] | None = None
    text: Annotated[str, told("What it says.", max_length=20)] = ""


class Note(Input):
    """A thing to note."""

    text: Annotated[str, told("What it says.", max_length=20)]
    more_lines: Annotated[list[Line], told("The rest.")] = msgspec.field(default_factory=list)


class Things(Service):
    """Things that were noted."""

    #: What the note "wait" does.
    entered: asyncio.Event
    gate: asyncio.Event

    @use_case(NOTE)
    async def note(self, note: Note) -> Job:
        """Note a thing."""
        if note.text == "refused":
            raise Invalid(path="text", problem="no")
        job = Job(scope_id=self.work.stream, kind="test.note")
        self.session.add(job)
        if note.text == "wait":
            self.entered.set()
            await self.gate.wait()
        return job

    @use_case(NOTE)
    async def forget(self) -> None:
        """Forget, and answer nothing."""
        self.session.add(Job(scope_id=self.work.stream, kind="test.note"))

    @use_case(NOTE, where="range")
    async def tour(self) -> None:
        """Look at a county."""


class Story:
    """One community and what was done there."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.scope = Community(uuid4(), "01.02.")
        self.caller = self.somebody("noter")
        Things.entered, Things.gate = asyncio.Event(), asyncio.Event()

    def somebody(self, role, **who):
        grants = (Grant(role, self.scope.node, self.scope.path),)
        actor = Actor(roles=ROLES, grants=grants, **({"account_id": uuid4()} | who))
        return Caller(actor=actor, scope=self.scope)

    async def do(self, text="x", *, key=None, caller=None, method=Things.note, operation="noteThing"):
        case = case_of(method)
        raw = {} if case.input is NoInput else {"text": text}
        command = performing(self.kernel, caller or self.caller, case, raw, operation=operation, key=key)
        async with command as performed:
            return performed.result

    async def count(self, scope=None):
        """How many things were noted here."""
        async with system_work(self.kernel) as work:
            query = select(func.count()).select_from(Job).where(Job.scope_id == (scope or self.scope).node)
            return (await work.session.scalars(query)).one()

    async def rows(self, model):
        async with system_work(self.kernel) as work:
            query = select(model).where(model.scope_id == self.scope.node)
            return list((await work.session.scalars(query)).all())

    async def waits(self):
        """True when some transaction waits for a lock."""
        async with system_work(self.kernel) as work:
            query = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
            return (await (await work.session.connection()).exec_driver_sql(query)).scalar_one() > 0


@pytest.fixture
def story(kernel):
    return Story(kernel)


class TestCommand:
    async def test_leaves_one_audit_entry_with_names_and_no_values(self, story):
        job = await story.do(NAME)
        [entry] = await story.rows(Audit)
        assert (entry.action, entry.outcome) == (case_of(Things.note).action, "done")
        assert (entry.subject_type, entry.subject_id, entry.fields) == ("Job", job.id, ["text", "more_lines"])
        assert (entry.account_id, entry.token_id) == (story.caller.actor.account_id, None)
        assert NAME not in repr(vars(entry))

    async def test_of_a_token_is_audited_as_the_token(self, story):
        token = uuid4()
        await story.do(caller=story.somebody("noter", account_id=None, token_id=token))
        [entry] = await story.rows(Audit)
        assert (entry.account_id, entry.token_id) == (None, token)

    async def test_that_is_refused_leaves_nothing(self, story):
        with pytest.raises(Invalid):
            await story.do("refused", key=KEY)
        assert (await story.count(), await story.rows(Audit), await story.rows(Idempotency)) == (0, [], [])

    async def test_without_the_permission_is_audited_and_not_done(self, story):
        """In a transaction of its own: the command's was rolled back."""
        with pytest.raises(Forbidden, match=r"test\.thing:note"):
            await story.do(caller=story.somebody("onlooker"))
        [entry] = await story.rows(Audit)
        assert (entry.action, entry.outcome) == (case_of(Things.note).action, "FORBIDDEN")
        assert (entry.subject_id, entry.fields, await story.count()) == (None, [], 0)

    async def test_of_a_stranger_leaves_no_entry_in_the_community(self, story):
        """Whoever may not enter writes nothing there, not even that."""
        stranger = Actor(roles=ROLES, grants=(Grant("noter", uuid4(), "09."),), account_id=uuid4())
        with pytest.raises(Forbidden):
            await story.do(caller=Caller(actor=stranger, scope=story.scope))
        assert await story.rows(Audit) == []

    async def test_of_nobody_asks_to_sign_in(self, story):
        with pytest.raises(NotSignedIn):
            await story.do(caller=Caller(actor=Actor(roles=ROLES), scope=story.scope))
        assert (await story.rows(Audit), await story.count()) == ([], 0)

    async def test_without_a_scope_asks_for_one(self, story):
        with pytest.raises(ScopeMissing):
            await story.do(caller=Caller(actor=story.caller.actor, scope=None))

    async def test_runs_where_it_belongs_only(self, story):
        here = story.caller.actor
        with pytest.raises(ScopeNeedsCommunity):
            await story.do(caller=Caller(actor=here, scope=Range(story.scope.node, story.scope.path)))
        with pytest.raises(ScopeNeedsRange):
            await story.do(method=Things.tour)


class TestKey:
    async def test_gives_the_first_result_again_and_does_it_once(self, story):
        """The second look is audited: it may have shown what only the command shows."""
        first = await story.do(key=KEY)
        again = await story.do(key=KEY)
        outcomes = sorted(entry.outcome for entry in await story.rows(Audit))
        assert (again.id, await story.count(), outcomes) == (first.id, 1, ["again", "done"])

    async def test_works_for_commands_that_answer_nothing(self, story):
        assert await story.do(key=KEY, method=Things.forget) is None
        assert await story.do(key=KEY, method=Things.forget) is None
        assert await story.count() == 1

    async def test_with_other_input_is_refused(self, story):
        await story.do("x", key=KEY)
        with pytest.raises(KeyReused) as refused:
            await story.do("y", key=KEY)
        assert (refused.value.code, refused.value.path) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
        assert await story.count() == 1

    async def test_used_twice_at_once_makes_the_second_wait_for_the_first(self, story, until):
        first = asyncio.create_task(story.do("wait", key=KEY))
        await Things.entered.wait()
        second = asyncio.create_task(story.do("wait", key=KEY))
        await until(story.waits)
        assert not second.done()
        Things.gate.set()
        one, other = await asyncio.gather(first, second)
        assert (one.id, await story.count()) == (other.id, 1)

    async def test_of_one_that_failed_goes_to_the_second(self, story, until):
        first = asyncio.create_task(story.do("wait", key=KEY))
        await Things.entered.wait()
        second = asyncio.create_task(story.do("wait", key=KEY))
        await until(story.waits)
        first.cancel()
        Things.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        job = await second
        assert ([one.id for one in await story.rows(Job)], await story.count()) == ([job.id], 1)

    async def test_stays_free_when_the_command_was_refused(self, story):
        with pytest.raises(Invalid):
            await story.do("refused", key=KEY)
        await story.do("mended", key=KEY)
        assert await story.count() == 1

    async def test_is_each_callers_own(self, story):
        await story.do(key=KEY)
        await story.do(key=KEY, caller=story.somebody("noter"))
        await story.do(key=KEY, caller=story.somebody("noter", token_id=uuid4()))
        assert await story.count() == 3

    async def test_is_each_communitys_own(self, story):
        elsewhere = Community(uuid4(), "01.03.")
        grants = tuple(Grant("noter", scope.node, scope.path) for scope in (story.scope, elsewhere))
        actor = Actor(roles=ROLES, grants=grants, account_id=uuid4())
        for scope in (story.scope, elsewhere):
            await story.do(key=KEY, caller=Caller(actor=actor, scope=scope))
        assert (await story.count(), await story.count(elsewhere)) == (1, 1)

    async def test_is_each_operations_own(self, story):
        await story.do(key=KEY, operation="noteThing")
        await story.do(key=KEY, operation="noteAnother")
        assert await story.count() == 2

    async def test_is_free_again_after_a_day(self, story):
        with clock.use(clock.FixedClock(datetime(2026, 3, 2, 2, 0, tzinfo=UTC))) as standing:
            await story.do("x", key=KEY)
            standing.advance(hours=23, minutes=59)
            await sweep(story.kernel)
            with pytest.raises(KeyReused):
                await story.do("y", key=KEY)
            standing.advance(minutes=1)
            await sweep(story.kernel)
            await story.do("y", key=KEY)
        assert await story.count() == 2

    async def test_is_recorded_with_ids_and_a_digest_only(self, story):
        job = await story.do(NAME, key=KEY)
        [record] = await story.rows(Idempotency)
        told = {name: value for name, value in vars(record).items() if not name.startswith("_")}
        assert (len(told.pop("input_hash")), told.pop("created_at").tzinfo) == (32, UTC)
        assert told == {
            "scope_id": story.scope.node,
            "caller_id": story.caller.actor.account_id,
            "operation": "noteThing",
            "key": KEY,
            "result_id": job.id,
        }

    async def test_does_not_outlive_the_permission(self, story):
        """Whoever lost the right to do it is not shown what came of it."""
        await story.do(key=KEY)
        account = story.caller.actor.account_id
        with pytest.raises(Forbidden):
            await story.do(key=KEY, caller=story.somebody("onlooker", account_id=account))

    @pytest.mark.parametrize("key", ["short", "x" * 201])
    async def test_of_another_length_is_refused(self, story, key):
        with pytest.raises(Invalid) as refused:
            await story.do(key=key)
        assert (refused.value.path, await story.count()) == ("idempotencyKey", 0)


class TestUnderstand:
    def test_turns_global_ids_into_those_of_rows(self):
        grid = uuid4()
        raw = {"text": "x", "more_lines": [{"grid_id": global_id("Grid", grid)}, {"grid_id": None}]}
        assert understand(Note, raw) == Note(text="x", more_lines=[Line(grid_id=grid), Line()])

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            ({"text": "x" * 21}, "text"),
            ({"text": "x", "more_lines": [{}, {"text": "x" * 21}]}, "moreLines.1.text"),
            ({"text": "x", "more_lines": [{"grid_id": "nonsense"}]}, "moreLines.0.gridId"),
            ({"text": "x", "more_lines": [{"grid_id": global_id("Person", uuid4())}]}, "moreLines.0.gridId"),
            ({}, None),
        ],
    )
    def test_says_where_the_input_does_not_fit(self, raw, path):
        with pytest.raises(Invalid) as refused:
            understand(Note, raw)
        assert refused.value.path == path


class TestCaseOf:
    def test_is_for_use_cases_only(self):
        with pytest.raises(TypeError, match="no use case"):
            case_of(Story.count)

    def test_tells_the_sentence_the_permission_and_the_input(self):
        case = case_of(Things.note)
        assert (case.sentence, case.permission, case.input) == ("Note a thing.", NOTE, Note)
        assert (case_of(Things.forget).input, case_of(Things.tour).where) == (NoInput, "range")

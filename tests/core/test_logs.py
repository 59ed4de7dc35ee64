"""Logs: one shape for all, and no personal data in them, whoever writes what."""

import io
import json
import logging
import subprocess
import sys
from uuid import uuid4

import pytest
import sqlalchemy.exc
import structlog
from sqlalchemy import text

from gongzhi.core import logs
from gongzhi.core.logs import REMOVED, formatter, traceback_of
from gongzhi.core.system import system_work

NAME, PHONE, ID_NUMBER = "张三丰", "13800138000", "11010519491231002X"


class Log:
    """A logger of the standard library, one of structlog's on top of it, and what both wrote."""

    def __init__(self, style):
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter(style))
        self.theirs = logging.Logger("theirs")  # noqa: LOG001  # nobody else's
        self.theirs.addHandler(handler)
        self.ours = structlog.wrap_logger(
            self.theirs,
            processors=[*logs._shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            wrapper_class=structlog.stdlib.BoundLogger,
        )

    @property
    def text(self):
        return self._stream.getvalue()

    @property
    def entry(self):
        [line] = self.text.splitlines()
        return json.loads(line)


@pytest.fixture
def log():
    return Log("json")


class TestKeys:
    @pytest.mark.parametrize("key", [*logs._NEVER, "display_name", "party_phone", "access_token"])
    def test_that_could_identify_lose_their_values(self, log, key):
        log.ours.info("test.seen", **{key: "value-of-it"})
        assert (log.entry[key], "value-of-it" in log.text) == (REMOVED, False)

    def test_lose_them_at_any_depth(self, log):
        log.ours.info("test.seen", parties=[{"name": NAME, "side": "applicant"}], told={"phone": [PHONE]})
        assert log.entry["parties"] == [{"name": REMOVED, "side": "applicant"}]
        assert log.entry["told"] == {"phone": REMOVED}

    def test_that_tell_what_happened_keep_theirs(self, log):
        tenant = str(uuid4())
        log.ours.info("test.seen", tenant_id=tenant, plugin="mediation", code="530425001006", count=3)
        entry = log.entry
        assert (entry["event"], entry["level"], entry["logger"]) == ("test.seen", "info", "theirs")
        assert (entry["tenant_id"], entry["plugin"], entry["code"]) == (tenant, "mediation", "530425001006")
        assert entry["count"] == 3

    def test_bound_to_the_context_are_cleared_too(self, log):
        with structlog.contextvars.bound_contextvars(phone=PHONE, delivery="mediation.count"):
            log.ours.info("test.seen")
        assert (log.entry["phone"], log.entry["delivery"]) == (REMOVED, "mediation.count")


class TestNumbers:
    @pytest.mark.parametrize("number", [PHONE, ID_NUMBER])
    def test_of_people_are_cut_out_of_texts(self, log, number):
        log.theirs.warning("Task got %s, and failed", number)
        assert log.entry["event"] == f"Task got {REMOVED}, and failed"

    @pytest.mark.parametrize(
        "text",
        [
            "530425001006",
            "0198f5a2-7c3e-7b11-8f00-138001380000",
            "1380013800",
            "138001380001",
            "t13800138000",
        ],
    )
    def test_of_other_things_stay(self, log, text):
        log.ours.info("test.seen", what=text)
        assert log.entry["what"] == text


def fail(message):
    local_variable = NAME  # noqa: F841  # what a traceback with locals would show
    raise RuntimeError(message)


class TestErrors:
    @pytest.mark.parametrize("style", ["json", "console"])
    def test_show_their_frames_and_no_local_variables(self, style):
        """Structlog's own console shows locals wherever rich is installed."""
        log = Log(style)
        try:
            fail("no luck")
        except RuntimeError:
            log.ours.exception("test.failed")
        assert "in fail" in log.text
        assert "RuntimeError: no luck" in log.text
        assert NAME not in log.text

    def test_of_libraries_look_the_same(self, log):
        try:
            fail(f"no luck with {PHONE}")
        except RuntimeError as error:
            log.theirs.error("it failed", exc_info=error)
        assert log.entry["exception"].endswith(f"RuntimeError: no luck with {REMOVED}")
        assert "in fail" in log.entry["exception"]

    def test_tell_what_led_to_them(self):
        try:
            try:
                fail("first")
            except RuntimeError as error:
                raise ValueError("second") from error
        except ValueError as error:
            told = traceback_of(error)
        first, second = told.split("\nwhich led to:\n")
        assert (first.rstrip().rsplit("\n", 1)[-1], second.rsplit("\n", 1)[-1]) == (
            "RuntimeError: first",
            "ValueError: second",
        )

    def test_in_groups_are_all_told(self):
        told = traceback_of(ExceptionGroup("two", [ValueError("one"), KeyError("other")]))
        assert ("ValueError: one" in told, "KeyError: 'other'" in told) == (True, True)

    def test_that_lead_to_each_other_end(self):
        one, other = ValueError("one"), ValueError("other")
        one.__cause__, other.__cause__ = other, one
        assert traceback_of(one).count("ValueError") == 2

    @pytest.mark.parametrize(
        ("statement", "facts"),
        [
            # PostgreSQL quotes the whole row that failed.
            (
                "insert into core.job (id, scope_id, kind) values (gen_random_uuid(), gen_random_uuid(), :told)",
                "sqlstate=23502 schema_name=core table_name=job column_name=state",
            ),
            # PostgreSQL quotes the value.
            ("select (:told ::text)::int", "sqlstate=22P02"),
            # The driver quotes the argument.
            ("select :told ::int", "DataError"),
        ],
    )
    async def test_of_the_database_quote_no_row_and_no_value(self, kernel, log, statement, facts):
        async def run():
            async with system_work(kernel) as work:
                await work.session.execute(text(statement), {"told": NAME})

        try:
            await run()
        except sqlalchemy.exc.DBAPIError:
            log.ours.exception("test.failed")
        assert facts in log.entry["exception"]
        assert (NAME in log.text, json.dumps(NAME)[1:-1] in log.text) == (False, False)

    def test_given_as_values_are_told_the_same_way(self, log):
        log.ours.info("test.failed", reason=ValueError(f"no such number {PHONE}"))
        assert log.entry["reason"] == f"ValueError: no such number {REMOVED}"


class TestSetUp:
    def test_sends_everything_to_standard_error(self):
        """In a process of its own, for it changes logging everywhere."""
        program = (
            "import logging, structlog; from gongzhi.core import logs; logs.set_up('info', 'json')\n"
            "structlog.get_logger('ours').info('test.ours', name='x')\n"
            "logging.getLogger('theirs').warning('theirs %s', 1)\n"
            "logging.getLogger('httpx').info('hidden'); structlog.get_logger('ours').debug('hidden')\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
        )
        ours, theirs = (json.loads(line) for line in ran.stderr.splitlines())
        assert (ours["event"], ours["name"], ours["logger"]) == ("test.ours", REMOVED, "ours")
        assert (theirs["event"], theirs["level"]) == ("theirs 1", "warning")
        assert ran.stdout == ""

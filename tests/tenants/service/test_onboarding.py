"""An onboarding started through GraphQL: the job, its progress, its report, and who may start it."""

import base64
import csv
import io
import json

import pytest

from gongzhi.core.testing import work_off
from gongzhi.tenants import desk
from gongzhi.tenants.testing import make_place

JOB = "query($id: ID!) { job(id: $id) { kind state done total finishedAt result failure } }"
REPORT = "query($id: ID!) { jobReport(id: $id) { content } }"


@pytest.fixture
def operator(client, county, token_for):
    return client.as_(token_for("county_operator", county.county))


def table(county, *more: str, street: str = "002") -> bytes:
    """The county as it is, and a new street with two communities."""
    new = f"{county.county}{street}"
    lines = [
        "code,name,level,parent_code",
        f"{county.county[:2]},试验省,province,",
        f"{county.county[:4]},试验市,city,{county.county[:2]}",
        f"{county.county},试验县{county.county},county,{county.county[:4]}",
        f"{county.street},试验街道,street,{county.county}",
        *(
            f"{code},第{n}社区居民委员会,community,{county.street}"
            for n, code in enumerate(county.communities, 1)
        ),
        f"{new},新街道,street,{county.county}",
        f"{new}001,春风社区居民委员会,community,{new}",
        f"{new}002,秋雨社区居民委员会,community,{new}",
        *more,
    ]
    return "\n".join(lines).encode()


async def start(client, content: bytes | str, **told):
    """The payload of starting; ``job`` has the id."""
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    told = {"fileName": "divisions.csv", "contentBase64": text} | told
    # A file goes as a variable, for documents are short.
    document = """mutation ($input: StartOnboardingInput!) { startOnboarding(input: $input) {
        __typename ... on StartOnboardingSuccess { job { id state kind } } ... on Problem { code message path } } }"""
    return (await client.ask(document, input=told)).data["startOnboarding"]


async def done(client, kernel, content: bytes, **told):
    """The job after it was done, its result read, and its report's rows."""
    payload = await start(client, content, **told)
    job = payload["job"]
    assert (job["state"], job["kind"]) == ("WAITING", "tenants.onboard")
    await work_off(kernel)
    seen = (await client.ask(JOB, id=job["id"])).data["job"]
    seen["result"] = None if seen["result"] is None else json.loads(seen["result"])
    report = (await client.ask(REPORT, id=job["id"])).data["jobReport"]["content"]
    rows = (
        None
        if report is None
        else list(csv.reader(io.StringIO(base64.b64decode(report).decode("utf-8-sig"))))
    )
    return seen, rows


def communities(rows_of, kernel, county):
    return rows_of(
        kernel,
        "select count(*) from tenants.area where code like %s and level = 'community'",
        f"{county.county}%",
    )[0][0]


class TestJob:
    async def test_brings_communities_on_board(self, operator, kernel, county, rows_of):
        job, report = await done(operator, kernel, table(county))

        assert (job["state"], job["done"], job["total"], job["failure"]) == ("DONE", 7, 7, None)
        assert job["finishedAt"] is not None
        assert job["result"] == {
            "created": 3,
            "renamed": 0,
            "unchanged": 4,
            "refused": 0,
            "not_asked_for": 0,
            "communities": 4,
        }
        assert len(report) == 1
        assert communities(rows_of, kernel, county) == 4

    async def test_tells_its_progress(self, operator, kernel, county, monkeypatch):
        """Street by street, while it runs."""
        told = []

        async def note(_kernel, _job_id, *, done, total):
            told.append((done, total))

        monkeypatch.setattr("gongzhi.tenants.service.onboarding.tell_progress", note)
        await done(operator, kernel, table(county))

        assert told == [(0, 7), (1, 7), (4, 7), (7, 7)]

    async def test_done_twice_is_done_once(self, operator, kernel, county, contents):
        """A delivery may come again; the second one finds the job over."""
        from gongzhi.tenants.service.onboarding import TASK

        payload = await start(operator, table(county))
        [delivery] = [one for one in await work_off(kernel) if one.name == TASK]
        before = contents(kernel)

        await kernel.tasks[TASK].handler(kernel, **delivery.told)

        assert contents(kernel) == before
        assert payload["job"]["id"]

    async def test_is_continued_when_its_worker_was_killed(
        self, operator, kernel, county, monkeypatch, rows_of
    ):
        """The message comes again, the job is still running, and the second worker does the rest."""
        told = []

        async def dies(_kernel, _job_id, **progress):
            told.append(progress)
            if len(told) == 3:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("gongzhi.tenants.service.onboarding.tell_progress", dies)
            payload = await start(operator, table(county, *[]), skipErrors=True)
            from gongzhi.tenants.service.onboarding import TASK

            job_id = rows_of(
                kernel,
                "select payload->>'job_id' from core.outbox where name = 'task:tenants.onboard' order by id desc limit 1",
            )[0][0]
            with pytest.raises(KeyboardInterrupt):
                await kernel.tasks[TASK].handler(kernel, job_id=job_id)
        assert (await operator.ask(JOB, id=payload["job"]["id"])).data["job"]["state"] == "RUNNING"

        await work_off(kernel)

        job = (await operator.ask(JOB, id=payload["job"]["id"])).data["job"]
        assert (job["state"], job["done"]) == ("DONE", 7)
        assert communities(rows_of, kernel, county) == 4

    async def test_of_a_dry_run_changes_nothing(self, operator, kernel, county, rows_of):
        foreseen, _ = await done(operator, kernel, table(county), dryRun=True)
        assert communities(rows_of, kernel, county) == 2

        did, _ = await done(operator, kernel, table(county))

        assert foreseen["state"] == "DONE"
        assert foreseen["result"] == did["result"]

    async def test_takes_a_workbook(self, operator, kernel, county, workbook):
        job, _ = await done(operator, kernel, workbook(table(county)), fileName="divisions.xlsx")

        assert job["result"]["created"] == 3

    async def test_takes_a_file_larger_than_a_form(self, operator, kernel, county):
        """Several hundred kilobytes in the body of the request."""
        street = f"{county.county}003"
        more = [f"{street},大街道,street,{county.county}"]
        more += [
            f"{street}{number:03},很长很长很长很长的第{number}社区居民委员会,community,{street}"
            for number in range(1, 200)
        ]
        content = table(county, *more)
        padded = content.replace(b"\n", b"," + b"x" * 1500 + b"\n")
        assert len(padded) > 300_000

        job, _ = await done(operator, kernel, padded, dryRun=True)

        assert job["result"]["created"] == 203

    async def test_names_who_started_it(self, client, kernel, county, somebody_signed_in, rows_of):
        """The records of the new areas are the account's."""
        caller = await somebody_signed_in(("county_operator", county.county))

        await done(client.as_(**caller), kernel, table(county))

        seen = (
            "select distinct s.display_name from core.audit e join tenants.area a on a.id = e.subject_id "
            "join tenants.account s on s.id = e.account_id where a.code like %s and e.action = 'tenants.area.create'"
        )
        assert rows_of(kernel, seen, f"{county.county}002%") == [("某人",)]


class TestReport:
    ORPHAN = "009001,无主社区居民委员会,community,"

    def orphan(self, county):
        return f"{county.county}009001,无主社区居民委员会,community,{county.county}009"

    async def test_tells_each_row_that_is_left_out(self, operator, kernel, county):
        job, report = await done(operator, kernel, table(county, self.orphan(county)), skipErrors=True)

        assert job["state"] == "DONE"
        assert (job["result"]["created"], job["result"]["refused"]) == (3, 1)
        [_header, row] = report
        assert row[0] == "11"
        assert row[3] == "ROW_PARENT_MISSING"

    async def test_goes_with_a_refusal(self, operator, kernel, county, rows_of):
        """Stopped at an error: the job says so, the report says where, and nothing was changed."""
        job, report = await done(operator, kernel, table(county, self.orphan(county)))

        assert (job["state"], job["result"]) == ("FAILED", None)
        assert job["failure"].startswith("ONBOARDING_STOPPED: ")
        assert [row[3] for row in report[1:]] == ["ROW_PARENT_MISSING"]
        assert communities(rows_of, kernel, county) == 2

    async def test_goes_with_a_county_that_is_refused(self, operator, kernel, county):
        nameless = table(county).replace(f"试验县{county.county}".encode(), b"")

        job, report = await done(operator, kernel, nameless, skipErrors=True)

        assert job["failure"].startswith("ONBOARDING_COUNTY_REFUSED: ")
        assert report[1][3] == "ROW_NAME_MISSING"

    async def test_of_an_unreadable_file_there_is_none(self, operator, kernel, county):
        job, report = await done(operator, kernel, b"%PDF-1.7 nothing here")

        assert (job["state"], report) == ("FAILED", None)
        assert job["failure"].split(":")[0] == "ONBOARDING_FILE_KIND"

    async def test_of_a_moved_row_is_written(self, operator, kernel, county):
        await done(operator, kernel, table(county))
        moved = table(county).replace(
            f"{county.street}002,第2社区居民委员会,community,{county.street}".encode(),
            f"{county.street}002,第2社区居民委员会,community,{county.county}002".encode(),
        )

        job, report = await done(operator, kernel, moved, skipErrors=True)

        assert job["result"]["refused"] == 1
        assert "ROW_PARENT_CHANGED" in {row[3] for row in report[1:]}

    async def test_is_the_operator_s_own(self, client, kernel, operator, county):
        elsewhere = await make_place(kernel)
        payload = await start(operator, table(county))
        await work_off(kernel)
        token = await desk.create_token(kernel, elsewhere.county, label="x", role="county_operator")
        stranger = client.as_(token)

        assert (await stranger.ask(JOB, id=payload["job"]["id"])).data == {"job": None}
        assert (await stranger.ask(REPORT, id=payload["job"]["id"])).data == {"jobReport": None}
        listed = await stranger.ask("{ jobs { totalCount } }")
        assert listed.data["jobs"]["totalCount"] == 0


class TestStart:
    @pytest.mark.parametrize(
        ("told", "path"),
        [
            ({"contentBase64": "not base64!"}, "contentBase64"),
            ({"contentBase64": "梅营社区"}, "contentBase64"),
            ({"contentBase64": "AAA"}, "contentBase64"),
            ({"blueprint": "../secret"}, "blueprint"),
            ({"blueprint": "x.toml"}, "blueprint"),
            ({"fileName": ""}, "fileName"),
        ],
    )
    async def test_refuses_what_does_not_fit(self, told, path, operator, county):
        payload = await start(operator, told.pop("contentBase64", table(county)), **told)

        assert (payload["code"], payload["path"]) == ("INVALID_INPUT", path)

    async def test_refuses_an_unknown_blueprint(self, operator, county, kernel, rows_of):
        payload = await start(operator, table(county), blueprint="palace")

        assert payload["code"] == "BLUEPRINT_UNFIT"
        job = "select 1 from core.job j join tenants.area a on a.id = j.scope_id where a.code = %s"
        assert rows_of(kernel, job, county.county) == []

    async def test_is_the_county_operator_s(self, client, kernel, county):
        """Neither the street's, nor the community's, nor the operator's of another county."""
        elsewhere = await make_place(kernel)
        asked = [
            ("street_dispatcher", county.street, None, "FORBIDDEN"),
            ("county_operator", county.county, county.street, "ONBOARDING_NEEDS_COUNTY"),
            ("integrator", county.county, None, "FORBIDDEN"),
        ]
        for role, code, scope, refused in asked:
            token = await desk.create_token(kernel, code, label="x", role=role)
            assert (await start(client.as_(token, scope=scope), table(county)))["code"] == refused
        token = await desk.create_token(kernel, elsewhere.county, label="x", role="county_operator")
        answered = await client.as_(token, scope=county.county).ask(
            'mutation { startOnboarding(input: {fileName: "x", contentBase64: "AAAA"}) { __typename } }'
        )
        assert answered.code == "SCOPE_UNKNOWN"

    async def test_takes_no_other_county_s_rows(self, client, kernel, county, rows_of):
        """The county is the scope's, whatever the file holds."""
        elsewhere = await make_place(kernel)
        token = await desk.create_token(kernel, elsewhere.county, label="x", role="county_operator")

        job, _ = await done(client.as_(token), kernel, table(county))

        assert job["state"] == "FAILED"
        assert job["failure"].split(":")[0] == "ONBOARDING_COUNTY_ABSENT"
        assert communities(rows_of, kernel, county) == 2

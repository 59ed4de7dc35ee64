"""The story: one case from intake to closed, through GraphQL over HTTP, by the people whose steps they are."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from gongzhi.tenants.demo.stage import SCRIPT, Notes

_DOCUMENTS = Path(__file__).parent / "documents"

#: From a state of the case: who takes the next step, with which document, told what.
_STEPS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "SCREENING": ("demo-admin", "accept", {}),
    "ACCEPTED": ("demo-admin", "assign", {}),
    "ASSIGNED": ("demo-mediator", "begin", {"rightsTold": True}),
    "IN_MEDIATION": (
        "demo-mediator",
        "agree",
        {"form": "WRITTEN", "content": "双方各让半米，恢复原通道；三日内清理堆放物，今后不再占用。"},
    ),
    "AGREED": ("demo-mediator", "perform", {"note": "双方已清理完毕"}),
    "PERFORMED": ("demo-admin", "close", {}),
}


class StoryStuck(RuntimeError):  # noqa: N818  # says what happened
    """The server answered what the story does not expect."""


class Visitor:
    """Somebody who signed in with a browser."""

    def __init__(self, base: str, login: str, password: str) -> None:
        self._http = httpx.Client(base_url=base, timeout=30, headers={"Accept-Language": "zh"})
        answer = self._http.post("/session", json={"login": login, "password": password})
        if answer.status_code != 201:
            raise StoryStuck(f"{login} could not sign in: {answer.text}")
        self._http.headers["X-CSRF-Token"] = answer.json()["csrfToken"]

    def ask(self, document: str, **variables: Any) -> Any:
        """The data a document of ``documents/`` answers with."""
        body = {
            "query": (_DOCUMENTS / f"{document}.graphql").read_text(encoding="utf-8"),
            "variables": variables,
        }
        scope = variables.pop("scope", SCRIPT["community"])
        answer = self._http.post("/graphql", json=body, headers={"Gongzhi-Scope": scope}).json()
        if answer.get("errors"):
            raise StoryStuck(f"{document}: {json.dumps(answer['errors'], ensure_ascii=False)}")
        return answer["data"]

    def do(self, document: str, key: str, **told: Any) -> dict[str, Any]:
        """What a mutation came to."""
        [payload] = self.ask(document, input=told, key=key).values()
        if "code" in payload:
            raise StoryStuck(f"{document}: {payload['code']} {payload['message']}")
        [result] = payload.values()
        return dict(result)


def play(base: str, notes: Notes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Play the story from wherever an earlier run left it; answers the closed case."""
    people = {login: Visitor(base, login, password) for login, password in notes.passwords.items()}
    case = _case(people, notes, tell)
    while case["state"] in _STEPS:
        who, step, told = _STEPS[case["state"]]
        if step == "assign":
            told = {"mediatorId": _mediator(people["demo-admin"])}
        key = f"demo-{step}-{notes.case_id}"
        case = people[who].do(step, key, caseId=notes.case_id, version=case["version"], **told)
        tell(f"{who}: {step} → {case['state']} {case['number'] or ''}")
    return case


def _case(people: dict[str, Visitor], notes: Notes, tell: Callable[[str], None]) -> dict[str, Any]:
    if notes.case_id is None:
        grids = people["demo-grid"].ask("grids")["grids"]["nodes"]
        opened = people["demo-grid"].do(
            "open",
            "demo-open-the-first-case",
            title="相邻通道堆物",
            category="NEIGHBOURS",
            facts="两户共用通道，一方长期堆放杂物，另一方通行不便，多次口角。",
            gridId=grids[0]["id"],
            parties=[{"side": "APPLICANT", "name": "演示甲"}, {"side": "RESPONDENT", "name": "演示乙"}],
        )
        notes.case_id = opened["id"]
        notes.keep()
        tell(
            "demo-grid: open → SCREENING（网格员只能登记，不能查看案件 a grid worker tells, and can't read cases）"
        )
    return dict(people["demo-admin"].ask("case", id=notes.case_id)["mediationCase"])


def _mediator(admin: Visitor) -> str:
    known = admin.ask("mediators")["mediators"]["nodes"]
    if known:
        return str(known[0]["id"])
    appointed = admin.do(
        "appoint",
        "demo-appoint-a-mediator",
        name="演示·调解员",
        appointedOn="2026-01-01",
        termEndsOn="2028-12-31",
    )
    return str(appointed["id"])


def wait_for_tally(base: str, notes: Notes, *, seconds: float = 30) -> int:
    """How many cases the worker has counted as closed; waits until there is one."""
    admin = Visitor(base, "demo-admin", notes.passwords["demo-admin"])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        nodes = admin.ask("tally")["mediationTallies"]["nodes"]
        closed: int = sum(node["closed"] for node in nodes)
        if closed:
            return closed
        time.sleep(0.1)
    raise StoryStuck("the worker did not count the case within 30 seconds; see the worker's log")

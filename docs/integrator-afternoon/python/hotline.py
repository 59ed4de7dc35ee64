"""A hotline's afternoon: read a county, hand in a dispute, get past whatever stands in the way."""
# ruff: noqa: INP001, T201

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from community_client import Community, GraphQLClientGraphQLMultiError
from community_client.enums import MediationCaseState, MediationCategory, MediationSide, MediationSource
from community_client.fragments import CaseFacts
from community_client.input_types import AcceptCaseInput, NewPartyInput, OpenCaseInput

COUNTY = "530425"
COMMUNITY = "530425001006"
TICKET = sys.argv[1]


class Patient(httpx.BaseTransport):
    """Sends again what was refused for haste or got lost; safe, because every mutation carries a key."""

    def __init__(self, tries: int = 5) -> None:
        self._tries = tries
        self._http = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for tried in range(1, self._tries):
            pause = 0.5 * 2**tried
            try:
                response = self._http.handle_request(request)
            except httpx.TransportError:
                why = "no answer"
            else:
                if response.status_code not in {429, 502, 503, 504}:
                    return response
                response.close()
                pause = float(response.headers.get("Retry-After", pause))
                why = str(response.status_code)
            print(f"{why}: waiting {pause:g} s", file=sys.stderr)
            time.sleep(pause)
        return self._http.handle_request(request)

    def close(self) -> None:
        self._http.close()


def connect(token: str, scope: str) -> Community:
    """A client for this token, in this scope unless a call says otherwise."""
    headers = {"Authorization": f"Bearer {token}", "Gongzhi-Scope": scope, "Accept-Language": "en"}
    http = httpx.Client(headers=headers, transport=Patient(), timeout=30)
    return Community(url=f"{os.environ['GZ_URL']}/graphql", http_client=http)


def pages(read: Callable[[str | None], Any]) -> Iterator[Any]:
    """Every page of a list: each is asked for with the cursor at which the one before ended."""
    after = None
    while True:
        page = read(after)
        yield page
        if not page.page_info.has_next_page:
            return
        after = page.page_info.end_cursor


class Refused(Exception):  # noqa: N818
    """A command came to a problem instead of a success."""


def settled(payload: Any) -> CaseFacts:
    """The case that a command was about.

    :raises Refused: the payload is a problem.
    """
    if payload.typename__.endswith("Success"):
        return payload.mediation_case
    raise Refused(f"{payload.typename__} {payload.code}: {payload.message}")


def accept(desk: Community, case_id: str) -> CaseFacts:
    """Accept a case; when somebody else was quicker, read again and decide again."""
    while True:
        case = desk.one_case(case_id).mediation_case
        if case.state is not MediationCaseState.SCREENING:
            return case
        step = AcceptCaseInput(case_id=case_id, version=case.version)
        payload = desk.accept_case(step, key=f"{TICKET}-accept-{case.version}").accept_mediation_case
        if payload.typename__ != "VersionConflict":
            return settled(payload)


def read_the_county(county: Community) -> None:
    """Lists, filters, and a scope that is too wide."""
    read = list(pages(lambda after: county.areas(after=after).areas))
    names = [area.name for page in read for area in page.nodes]
    print(f"areas: {len(names)} of {read[0].total_count} on {len(read)} pages, the first {names[0]}")
    code = [f"{COMMUNITY}{number:03}" for number in (1, 2)]
    grids = county.grids(first=10, code=code).grids
    print(f"grids: {', '.join(grid.name for grid in grids.nodes)}")
    try:
        county.cases()
    except GraphQLClientGraphQLMultiError as refusal:
        [error] = refusal.errors
        print(f"cases of a county: {error.extensions['code']}")
    here = {"Gongzhi-Scope": COMMUNITY}
    cases = county.cases(state=[MediationCaseState.CLOSED], headers=here).mediation_cases
    print(f"cases of the community that are closed: {cases.total_count}")


def hand_in(desk: Community) -> None:
    """One dispute, from the hotline's ticket to an accepted case."""
    dispute = OpenCaseInput(
        title="楼道堆物",
        category=MediationCategory.NEIGHBOURS,
        source=MediationSource.REFERRAL,
        facts="来电反映三楼住户在楼道长期堆放杂物。",
        parties=[
            NewPartyInput(side=MediationSide.APPLICANT, name="来电人"),
            NewPartyInput(side=MediationSide.RESPONDENT, name="三楼住户"),
        ],
    )
    first, again = (settled(desk.open_case(dispute, key=TICKET).open_mediation_case) for _ in range(2))
    print(f"sent twice, opened once: {first.id == again.id}")
    case = accept(desk, first.id)
    print(f"ticket {TICKET} is {case.number}, {case.state.value}, version {case.version}")
    late = AcceptCaseInput(case_id=case.id, version=case.version - 1)
    other = dispute.model_copy(update={"title": "楼道停车"})
    for attempt in (
        lambda: desk.accept_case(late, key=f"{TICKET}-late").accept_mediation_case,
        lambda: desk.open_case(other, key=TICKET).open_mediation_case,
    ):
        try:
            settled(attempt())
        except Refused as refusal:
            print(refusal)


def main() -> None:
    """The afternoon."""
    with connect(os.environ["GZ_COUNTY"], COUNTY) as county:
        read_the_county(county)
    with connect(os.environ["GZ_DESK"], COMMUNITY) as desk:
        hand_in(desk)


if __name__ == "__main__":
    main()

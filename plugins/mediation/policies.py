"""What can be allowed in mediation, and which role may do what by default."""

from gongzhi.core.api import Allow, Permission

ROSTER_READ = Permission("mediation.roster:read", "查看调解员名册", "see the roster of mediators")
ROSTER_KEEP = Permission("mediation.roster:keep", "管理调解员名册", "keep the roster of mediators")
CASE_READ = Permission("mediation.case:read", "查看调解案件", "see cases")
PARTY_IDENTIFY = Permission("mediation.party:identify", "查看当事人姓名", "see the names of parties")
CASE_OPEN = Permission("mediation.case:open", "登记纠纷", "take down a dispute")
CASE_ACCEPT = Permission("mediation.case:accept", "受理或不予受理", "accept or decline a case")
CASE_ASSIGN = Permission("mediation.case:assign", "指派调解员", "assign a mediator")
CASE_MEDIATE = Permission("mediation.case:mediate", "主持调解", "mediate")
CASE_CLOSE = Permission("mediation.case:close", "结案", "close a case")
TALLY_READ = Permission(
    "mediation.tally:read", "查看调解统计", "see the monthly tally, small counts left out"
)
TALLY_EXACT = Permission("mediation.tally:exact", "查看精确统计", "see small counts of the tally as well")

PERMISSIONS = (
    ROSTER_READ,
    ROSTER_KEEP,
    CASE_READ,
    PARTY_IDENTIFY,
    CASE_OPEN,
    CASE_ACCEPT,
    CASE_ASSIGN,
    CASE_MEDIATE,
    CASE_CLOSE,
    TALLY_READ,
    TALLY_EXACT,
)

#: Who works with the cases themselves may count them.
_TALLY = (TALLY_READ, TALLY_EXACT)

ALLOWS = (
    Allow("county_operator", (ROSTER_READ, TALLY_READ)),
    Allow("street_dispatcher", (ROSTER_READ, TALLY_READ)),
    Allow(
        "community_admin",
        (
            ROSTER_READ,
            ROSTER_KEEP,
            CASE_READ,
            PARTY_IDENTIFY,
            CASE_ACCEPT,
            CASE_ASSIGN,
            CASE_CLOSE,
            *_TALLY,
        ),
    ),
    Allow("community_officer", (ROSTER_READ, CASE_READ, PARTY_IDENTIFY, CASE_OPEN, CASE_ACCEPT, *_TALLY)),
    Allow(
        "mediator",
        (ROSTER_READ, CASE_READ, PARTY_IDENTIFY, CASE_OPEN, CASE_MEDIATE, CASE_CLOSE, *_TALLY),
    ),
    Allow(
        "mediation_clerk",
        (ROSTER_READ, ROSTER_KEEP, CASE_READ, PARTY_IDENTIFY, CASE_OPEN, *_TALLY),
    ),
    Allow("grid_head", (ROSTER_READ, CASE_OPEN)),
    Allow("grid_worker", (ROSTER_READ, CASE_OPEN)),
    Allow("county_analyst", (TALLY_READ,)),
    Allow("justice_reviewer", (ROSTER_READ, TALLY_READ)),
    Allow("integrator", (ROSTER_READ, CASE_READ, TALLY_READ)),
)

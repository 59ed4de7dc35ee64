"""What can be allowed about communities, and which role may do what; a fixed table for now."""

from gongzhi.core.api import Allow, Level, Permission, Role

AREA_READ = Permission("tenants.area:read", "查看辖区", "see areas")
COMMUNITY_READ = Permission("tenants.community:read", "查看社区", "see communities")
COMMUNITY_STEER = Permission("tenants.community:steer", "暂停或恢复社区", "suspend and resume communities")
PROFILE_RECORD = Permission("tenants.profile:record", "登记社区概况", "record profile figures")
GRID_READ = Permission("tenants.grid:read", "查看网格", "see grids")
GRID_DRAW = Permission("tenants.grid:draw", "划分网格", "draw grids")
HOUSEHOLD_READ = Permission("tenants.household:read", "查看户", "see households")
HOUSEHOLD_REGISTER = Permission("tenants.household:register", "登记户", "register households")
PERSON_READ = Permission("tenants.person:read", "查看人员（脱敏）", "see persons, masked")
PERSON_REGISTER = Permission("tenants.person:register", "登记人员", "register persons")
PERSON_UNMASK = Permission("tenants.person:unmask", "查看人员敏感信息", "see what is masked of a person")
PERSON_CONSENT = Permission("tenants.person:consent", "登记同意与撤回", "record consent and its withdrawal")
PLUGIN_READ = Permission("tenants.plugin:read", "查看模块", "see plugin switches")
PLUGIN_SWITCH = Permission("tenants.plugin:switch", "启用或停用模块", "switch plugins on and off")
ONBOARD = Permission("tenants.onboarding:start", "批量开通社区", "bring communities on board")
JOB_READ = Permission("tenants.job:read", "查看批量任务", "watch long jobs")
AUDIT_READ = Permission("tenants.audit:read", "查看审计记录", "read the audit")
GRANT_READ = Permission("tenants.grant:read", "查看授权", "see grants and tokens")

PERMISSIONS = (
    AREA_READ,
    COMMUNITY_READ,
    COMMUNITY_STEER,
    PROFILE_RECORD,
    GRID_READ,
    GRID_DRAW,
    HOUSEHOLD_READ,
    HOUSEHOLD_REGISTER,
    PERSON_READ,
    PERSON_REGISTER,
    PERSON_UNMASK,
    PERSON_CONSENT,
    PLUGIN_READ,
    PLUGIN_SWITCH,
    ONBOARD,
    JOB_READ,
    AUDIT_READ,
    GRANT_READ,
)

ROLES = (
    Role("county_operator", Level.COUNTY, "县级运营员", "county operator"),
    Role("street_dispatcher", Level.STREET, "镇街调度员", "street dispatcher"),
    Role("community_admin", Level.COMMUNITY, "社区管理员", "community admin"),
    Role("community_officer", Level.COMMUNITY, "社区工作者", "community officer"),
    Role("mediator", Level.COMMUNITY, "人民调解员", "mediator"),
    Role("grid_worker", Level.GRID, "网格员", "grid worker"),
    Role("integrator", Level.COUNTY, "系统对接方", "integrator", anywhere=True),
    Role("auditor", Level.COUNTY, "审计员", "auditor", anywhere=True),
)

_EVERYBODY = (AREA_READ, COMMUNITY_READ, GRID_READ)

ALLOWS = (
    Allow("county_operator", (*_EVERYBODY, COMMUNITY_STEER, ONBOARD, JOB_READ, PLUGIN_READ, GRANT_READ)),
    Allow("street_dispatcher", _EVERYBODY),
    Allow(
        "community_admin",
        (
            *_EVERYBODY,
            PROFILE_RECORD,
            GRID_DRAW,
            HOUSEHOLD_READ,
            HOUSEHOLD_REGISTER,
            PERSON_READ,
            PERSON_REGISTER,
            PERSON_UNMASK,
            PERSON_CONSENT,
            PLUGIN_READ,
            PLUGIN_SWITCH,
            JOB_READ,
            AUDIT_READ,
            GRANT_READ,
        ),
    ),
    Allow(
        "community_officer",
        (*_EVERYBODY, HOUSEHOLD_READ, HOUSEHOLD_REGISTER, PERSON_READ, PERSON_REGISTER, PERSON_CONSENT),
    ),
    Allow("mediator", _EVERYBODY),
    Allow("grid_worker", (*_EVERYBODY, HOUSEHOLD_READ, HOUSEHOLD_REGISTER)),
    Allow("integrator", (*_EVERYBODY, PLUGIN_READ)),
    Allow("auditor", (AREA_READ, COMMUNITY_READ, AUDIT_READ, GRANT_READ)),
)

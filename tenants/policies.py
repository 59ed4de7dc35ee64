"""What can be allowed about communities, and which role may do what; a fixed table for now."""

from gongzhi.core.api import Allow, Level, Permission, Role, Separation

AREA_READ = Permission("tenants.area:read", "查看辖区", "see areas")
COMMUNITY_READ = Permission("tenants.community:read", "查看社区", "see communities")
COMMUNITY_STEER = Permission("tenants.community:steer", "暂停或恢复社区", "suspend and resume communities")
COMMUNITY_ARCHIVE = Permission("tenants.community:archive", "归档社区", "archive communities for good")
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
GRANT_READ = Permission("tenants.grant:read", "查看授权", "see who may do what, and why")
GRANT_GIVE = Permission("tenants.grant:give", "授予或收回角色", "give roles and take them back")
ROLE_MAKE = Permission("tenants.role:make", "自定义角色", "make roles of one's own")
ACCOUNT_OPEN = Permission("tenants.account:open", "开设或停用账号", "open and close accounts")
TOKEN_ISSUE = Permission("tenants.token:issue", "签发或吊销令牌", "issue and revoke tokens")

PERMISSIONS = (
    AREA_READ,
    COMMUNITY_READ,
    COMMUNITY_STEER,
    COMMUNITY_ARCHIVE,
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
    GRANT_GIVE,
    ROLE_MAKE,
    ACCOUNT_OPEN,
    TOKEN_ISSUE,
)

_BY_COUNTY, _BY_ADMIN = ("county_operator",), ("community_admin",)

ROLES = (
    Role("platform_operator", Level.PLATFORM, "平台运维员", "platform operator"),
    Role("county_operator", Level.COUNTY, "县级运营员", "county operator"),
    Role("county_analyst", Level.COUNTY, "县级分析员", "county analyst", given_by=_BY_COUNTY),
    Role("street_dispatcher", Level.STREET, "镇街调度员", "street dispatcher", given_by=_BY_COUNTY),
    Role("justice_reviewer", Level.STREET, "司法所审核员", "justice reviewer", given_by=_BY_COUNTY),
    Role("community_admin", Level.COMMUNITY, "社区管理员", "community admin", given_by=_BY_COUNTY),
    Role("community_officer", Level.COMMUNITY, "社区工作者", "community officer", given_by=_BY_ADMIN),
    Role("mediator", Level.COMMUNITY, "人民调解员", "mediator", given_by=_BY_ADMIN),
    Role("mediation_clerk", Level.COMMUNITY, "调委会文书", "mediation clerk", given_by=_BY_ADMIN),
    Role("party_secretary", Level.COMMUNITY, "党组织书记", "Party secretary", given_by=_BY_ADMIN),
    Role("dues_treasurer", Level.COMMUNITY, "党费管理员", "dues treasurer", given_by=_BY_ADMIN),
    Role("ethnic_liaison", Level.COMMUNITY, "民族工作联络员", "ethnic-affairs liaison", given_by=_BY_ADMIN),
    Role("social_worker", Level.COMMUNITY, "社会工作者", "social worker", given_by=_BY_ADMIN),
    Role("volunteer", Level.COMMUNITY, "志愿者", "volunteer", given_by=_BY_ADMIN),
    Role("resident", Level.COMMUNITY, "居民", "resident", given_by=_BY_ADMIN),
    Role("grid_head", Level.GRID, "网格长", "grid head", given_by=_BY_ADMIN),
    Role("grid_worker", Level.GRID, "网格员", "grid worker", given_by=_BY_ADMIN),
    Role(
        "data_protection_officer",
        Level.COUNTY,
        "个人信息保护负责人",
        "data protection officer",
        anywhere=True,
        given_by=(*_BY_COUNTY, *_BY_ADMIN),
    ),
    Role(
        "integrator",
        Level.COUNTY,
        "系统对接方",
        "integrator",
        anywhere=True,
        given_by=(*_BY_COUNTY, *_BY_ADMIN),
    ),
    Role("auditor", Level.COUNTY, "审计员", "auditor", anywhere=True, given_by=(*_BY_COUNTY, *_BY_ADMIN)),
)

#: Places and their names; nothing of a person.
_PLACES = (AREA_READ, COMMUNITY_READ)
_EVERYBODY = (*_PLACES, GRID_READ)
#: Who decides who may do what.
_GIVING = (GRANT_READ, GRANT_GIVE, ROLE_MAKE, ACCOUNT_OPEN, TOKEN_ISSUE)
_IN_THE_GRID = (*_EVERYBODY, HOUSEHOLD_READ, HOUSEHOLD_REGISTER)

ALLOWS = (
    Allow("platform_operator", (*_PLACES, JOB_READ)),
    Allow(
        "county_operator",
        (*_EVERYBODY, COMMUNITY_STEER, COMMUNITY_ARCHIVE, ONBOARD, JOB_READ, PLUGIN_READ, *_GIVING),
    ),
    Allow("county_analyst", _PLACES),
    Allow("street_dispatcher", _EVERYBODY),
    Allow("justice_reviewer", _PLACES),
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
            *_GIVING,
        ),
    ),
    Allow(
        "community_officer",
        (*_EVERYBODY, HOUSEHOLD_READ, HOUSEHOLD_REGISTER, PERSON_READ, PERSON_REGISTER, PERSON_CONSENT),
    ),
    Allow("mediator", _EVERYBODY),
    Allow("mediation_clerk", _EVERYBODY),
    Allow("party_secretary", _EVERYBODY),
    Allow("dues_treasurer", _EVERYBODY),
    Allow("ethnic_liaison", _EVERYBODY),
    Allow("social_worker", (*_EVERYBODY, PERSON_READ)),
    Allow("volunteer", _EVERYBODY),
    Allow("resident", _EVERYBODY),
    Allow("grid_head", _IN_THE_GRID),
    Allow("grid_worker", _IN_THE_GRID),
    Allow("data_protection_officer", (*_PLACES, AUDIT_READ, GRANT_READ, PLUGIN_READ)),
    Allow("integrator", (*_EVERYBODY, PLUGIN_READ)),
    Allow("auditor", (*_PLACES, AUDIT_READ, GRANT_READ)),
)

SEPARATIONS = (
    Separation(
        COMMUNITY_STEER,
        COMMUNITY_ARCHIVE,
        "停用社区与归档社区须由两人办理，因归档不可撤销",
        "who suspends a community does not archive it, which can't be undone",
    ),
)

"""Everything a plugin may import from the kernel; re-exports, nothing else."""

from gongzhi.core.audit import Verdict, verify
from gongzhi.core.calendar import WorkCalendar
from gongzhi.core.caller import Caller, Credentials
from gongzhi.core.clock import SHANGHAI, now, today
from gongzhi.core.commands import (
    Input,
    NoInput,
    Service,
    UseCase,
    case_of,
    performing,
    ref,
    told,
    use_case,
)
from gongzhi.core.context import RequestContext
from gongzhi.core.crypto import KeyRing, hash_token, new_token
from gongzhi.core.db import PLATFORM, UnitOfWork, reading, unit_of_work
from gongzhi.core.embedded import EmbeddedPostgres
from gongzhi.core.errors import (
    Forbidden,
    Invalid,
    KeyReused,
    Language,
    Misconfigured,
    NotFound,
    NotSignedIn,
    PluginDisabled,
    Refusal,
    ScopeMissing,
    ScopeNeedsCommunity,
    ScopeNeedsRange,
    ScopeUnknown,
    Stale,
    TooMany,
    WrongState,
)
from gongzhi.core.events import Event, Heard, Listener, Task
from gongzhi.core.health import HealthCheck
from gongzhi.core.hookspecs import hookimpl
from gongzhi.core.ids import global_id, new_id, opaque, parse_global_id, unopaque
from gongzhi.core.jobs import end_job, start_job, take_job, tell_progress
from gongzhi.core.kernel import Kernel, opened
from gongzhi.core.masking import check_id_number, check_phone, mask_id_number, mask_name, mask_phone
from gongzhi.core.migrations import History
from gongzhi.core.models import Audit, Job, JobState, Outbox
from gongzhi.core.mutations import PROBLEMS, Problem, mutation, problem_of, told_values
from gongzhi.core.numbers import next_number
from gongzhi.core.permissions import Actor, Allow, Grant, Level, Permission, Role
from gongzhi.core.pinyin import search_keys, sort_key
from gongzhi.core.plugins import Broken, PluginCard, Plugins
from gongzhi.core.reads import (
    MUST,
    Between,
    Column,
    Equals,
    Info,
    Many,
    Node,
    One,
    Order,
    PageAsked,
    Reading,
    Step,
    column,
    item,
    item_by_id,
    listing,
    many,
    one,
    reading_of,
    reads,
    root_field,
    step,
)
from gongzhi.core.scope import STEP, Community, Range, Scope
from gongzhi.core.settings import Settings
from gongzhi.core.system import system_work
from gongzhi.core.tables import (
    Base,
    CodeEnum,
    NodeRow,
    NodeScoped,
    TenantRow,
    UpwardRow,
    Versioned,
    derived,
    node_rows,
    platform_rows,
    shared_rows,
    tenant_rows,
    upward_rows,
)

__all__ = [  # noqa: RUF022  # filled below: every public name above
    name for name in dict(globals()) if not name.startswith("_")
]

"""Refusals: what the platform says no to, each with a stable code and a message in Chinese and English.

A refusal is the caller's to mend. It derives from :class:`Refusal`, names its ``code`` (stable for ever)
and writes its message in both languages with ``{placeholders}`` that the raise site fills. Everything else
that goes wrong is ours: it is logged whole and the caller learns a reference id and nothing more.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Words:
    """A few words that fill a placeholder, in both languages."""

    zh: str
    en: str

    def __format__(self, _spec: str) -> str:
        """Both, where nobody knows the reader's language: in a log, on a terminal."""
        return f"{self.en} / {self.zh}"


class Refusal(Exception):  # noqa: N818  # a refusal is an answer, not an error
    """Something the caller asked for and may not have; the message says where and how to mend it.

    :param path: where in the caller's input, as a dotted path (``parties.0.name``), or None.
    :param facts: what fills the placeholders of the message; never a person's name or number.
    """

    code: ClassVar[str]
    zh: ClassVar[str]
    en: ClassVar[str]
    #: True when clients meet it in ``errors[]``; False when it is a member of a payload union.
    top_level: ClassVar[bool] = False
    #: True when the refusal itself is worth an audit entry (denied, forged, expired).
    audited: ClassVar[bool] = False
    catalogue: ClassVar[dict[str, type["Refusal"]]] = {}

    def __init__(self, *, path: str | None = None, **facts: object) -> None:
        self.path = path
        self.facts = facts
        super().__init__(f"{self.code}: {self.message('en')}")

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            return
        known = Refusal.catalogue.get(cls.code)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(
                f"two refusals share the code {cls.code}: {known.__qualname__}, {cls.__qualname__}"
            )
        Refusal.catalogue[cls.code] = cls

    def message(self, language: Language) -> str:
        """The message in this language."""
        facts = {
            name: getattr(fact, language) if isinstance(fact, Words) else fact
            for name, fact in self.facts.items()
        }
        return (self.zh if language == "zh" else self.en).format(**facts)


class Invalid(Refusal):
    """The input does not fit; the path says where."""

    code = "INVALID_INPUT"
    zh = "填写有误：{problem}"
    en = "The input does not fit: {problem}"


class NotFound(Refusal):
    """There is no such object in the caller's scope; whether it exists elsewhere is nobody's business."""

    code = "NOT_FOUND"
    zh = "找不到{what}，请核对编号，或确认所选的社区是否正确"
    en = "No such {what} here; check the id and the community you are working in"


class WrongState(Refusal):
    """The object is not in a state that allows this step."""

    code = "WRONG_STATE"
    zh = "当前状态“{state}”不能执行“{step}”；可执行：{allowed}"
    en = "The state “{state}” does not allow “{step}”; it allows: {allowed}"


class Stale(Refusal):
    """Somebody else changed the object since the caller read it."""

    code = "STALE_VERSION"
    zh = "该记录已被他人修改（现为第{current}版），请刷新后重试"
    en = "Someone else changed this record (it is now version {current}); read it again and retry"


class Raced(Stale):
    """Somebody else wrote the same thing in the same moment."""

    code = "WRITTEN_MEANWHILE"
    zh = "另一操作刚刚写入了相同的内容，请刷新后重试"
    en = "Someone else has just written the same; read again and retry"


class Unstorable(Invalid):
    """A number too large, or a text with a character, that the database does not keep."""

    code = "UNSTORABLE"
    zh = "有数值或文字超出可保存的范围，请检查数字大小和特殊字符"
    en = "A number is too large, or a text has a character that can't be kept; check both"


class TooSlow(Refusal):
    """The request asks for more than the platform answers within its time."""

    code = "TOO_SLOW"
    zh = "查询内容过多，未能在规定时间内完成，请缩小范围或减少嵌套"
    en = "This asks for more than can be answered in time; ask for less, or nest less deeply"
    top_level = True


#: SQLSTATE to the refusal it amounts to: what a caller's input or luck alone can bring about.
_DATABASE: dict[str, type[Refusal]] = {
    "22003": Unstorable,  # numeric_value_out_of_range
    "22021": Unstorable,  # character_not_in_repertoire: NUL in a text
    "22P05": Unstorable,  # untranslatable_character: NUL in JSON
    "57014": TooSlow,  # query_canceled: the statement timeout
    "23505": Raced,  # unique_violation: services look first, so somebody came between
    "40001": Raced,  # serialization_failure
    "40P01": Raced,  # deadlock_detected
}


def refusal_of(sqlstate: str | None) -> Refusal | None:
    """What an error of the database tells the caller to mend; None where the mistake is ours."""
    kind = _DATABASE.get(sqlstate or "")
    return None if kind is None else kind()


class Forbidden(Refusal):
    """The caller's grants do not cover this."""

    code = "FORBIDDEN"
    zh = "您没有此项权限：{permission}，请联系本级管理员授权"
    en = "You lack the permission {permission}; an administrator of this level can grant it"
    audited = True


class DutiesSeparated(Forbidden):
    """The caller has done with this object what another person must have done."""

    code = "DUTIES_SEPARATED"
    zh = "职责分离：{rule}；您已经办理过此事项的另一环节，不能再“{permission}”"
    en = (
        "Separate duties: {rule}. You did the other step with this object yourself, so you can't {permission}"
    )


class NotSignedIn(Refusal):
    """Nobody is signed in, or the session or token is no longer good."""

    code = "NOT_SIGNED_IN"
    zh = "请先登录，或检查访问令牌是否有效"
    en = "Sign in first, or check that the access token is still good"
    top_level = True


class ScopeUnknown(Refusal):
    """The scope named does not exist for this caller."""

    code = "SCOPE_UNKNOWN"
    zh = "没有可访问的辖区“{scope}”，请核对代码，或申请授权"
    en = "No scope “{scope}” is open to you; check the code, or ask for a grant"
    top_level = True
    audited = True


class ScopeMissing(Refusal):
    """No scope was named and none follows from the caller's grants."""

    code = "SCOPE_MISSING"
    zh = "请用 Gongzhi-Scope 指明社区或辖区代码（例如 530425001006）"
    en = "Name a community or an area with the header Gongzhi-Scope (for example 530425001006)"
    top_level = True


class ScopeNeedsCommunity(Refusal):
    """What was asked for belongs to one community, and the scope is a range."""

    code = "SCOPE_NEEDS_COMMUNITY"
    zh = "此内容属于单个社区，请把 Gongzhi-Scope 设为社区代码"
    en = "This belongs to one community; set Gongzhi-Scope to a community's code"
    top_level = True


class ScopeNeedsRange(Refusal):
    """What was asked for belongs to a county or street, and the scope is one community."""

    code = "SCOPE_NEEDS_RANGE"
    zh = "此操作属于县（市、区）或镇街，请把 Gongzhi-Scope 设为其代码"
    en = "This belongs to a county or street; set Gongzhi-Scope to its code"
    top_level = True


class PluginDisabled(Refusal):
    """The plugin is installed but not switched on for this community."""

    code = "PLUGIN_DISABLED"
    zh = "本社区尚未启用“{plugin}”模块，社区管理员可在“模块”中启用"
    en = "The plugin “{plugin}” is not switched on for this community; its administrator can enable it"
    top_level = True


class TooMany(Refusal):
    """More requests than the rate allows."""

    code = "RATE_LIMITED"
    zh = "请求过于频繁，请在{seconds}秒后重试"
    en = "Too many requests; try again in {seconds} seconds"
    top_level = True


class KeyReused(Refusal):
    """The idempotency key was used before with other input."""

    code = "IDEMPOTENCY_KEY_REUSED"
    zh = "该幂等键已用于不同的内容，请换一个新的键"
    en = "This idempotency key was used with other input; use a new key"


class Misconfigured(Refusal):
    """A setting of the installation is wrong or missing; nothing was started."""

    code = "MISCONFIGURED"
    zh = "配置有误：{problem}"
    en = "The configuration is wrong: {problem}"
    top_level = True

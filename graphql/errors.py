"""Errors as clients see them: a stable code and a message; of the unexpected nothing but a reference."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from graphql import GraphQLError

from gongzhi.core.api import Invalid, Language, Refusal, TooMany, client_path

log = structlog.get_logger()

#: Refusals of a whole request that HTTP has a word for; any other answers 200, as GraphQL does.
_STATUS = {
    "REQUEST_MALFORMED": 400,
    "NOT_SIGNED_IN": 401,
    "CSRF_MISSING": 403,
    "METHOD_NOT_ALLOWED": 405,
    "BODY_TOO_LARGE": 413,
    "RATE_LIMITED": 429,
    "UNEXPECTED": 500,
}

#: graphql-core repeats the value that does not fit, or the whole input around it; names may stand there.
_REPEATED = (
    (re.compile(r", but encountered error '.*", re.DOTALL), ""),
    (re.compile(r",? found:? .*", re.DOTALL), ""),
    (re.compile(r"( cannot represent [^:]*): .*", re.DOTALL), r"\1"),
    (re.compile(r"Value '.*' does not exist", re.DOTALL), "The value does not exist"),
    # And it is written in Python.
    (re.compile(r"\bNone\b"), "null"),
)


class NotValid(Exception):  # noqa: N818  # what a document is, not what went wrong here
    """The document is no GraphQL of this schema, or its variables don't fit.

    :param told: its errors, as clients see them.
    """

    def __init__(self, told: list[dict[str, Any]]) -> None:
        super().__init__()
        self.told = told


class RequestMalformed(Invalid):
    """The request is no GraphQL request."""

    code = "REQUEST_MALFORMED"
    zh = "请求格式有误：{problem}"
    en = "This is no GraphQL request: {problem}"


class MethodNotAllowed(Invalid):
    """GraphQL is asked by POST alone."""

    code = "METHOD_NOT_ALLOWED"
    zh = "仅支持 POST 请求"
    en = "Send a POST request"


class BodyTooLarge(Invalid):
    """The request is larger than the platform reads."""

    code = "BODY_TOO_LARGE"
    zh = "请求内容超过{limit}字节"
    en = "The request is larger than {limit} bytes"


class Unexpected(Refusal):
    """Something went wrong on our side; only its reference is told."""

    code = "UNEXPECTED"
    zh = "系统出现意外，请把编号 {reference} 告知管理员"
    en = "Something went wrong on our side; tell your administrator the reference {reference}"
    top_level = True


@dataclass
class Answer:
    """What goes back.

    :param body: what is told beside ``data``, or all of it.
    :param data: the JSON of ``data``, where it is written already.
    :param extensions: the JSON of ``extensions``.
    """

    status: int
    body: dict[str, Any]
    data: bytes | None = None
    extensions: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The body as it is sent."""
        parts = [] if self.data is None else [b'"data":' + self.data]
        parts += [b'"' + key.encode() + b'":' + msgspec.json.encode(told) for key, told in self.body.items()]
        if self.extensions is not None:
            parts.append(b'"extensions":' + self.extensions)
        return b"{" + b",".join(parts) + b"}"


def unexpected(error: BaseException) -> Unexpected:
    """Log what happened, whole; answer what may be told of it."""
    reference = uuid.uuid4().hex[:12]
    log.error("graphql.unexpected", reference=reference, exc_info=error)
    return Unexpected(reference=reference)


def refused(refusal: Refusal, language: Language) -> Answer:
    """A whole request refused."""
    answer = Answer(_STATUS.get(refusal.code, 200), {"data": None, "errors": [_told(refusal, language)]})
    if isinstance(refusal, TooMany):
        answer.headers["retry-after"] = str(refusal.facts["seconds"])
    if isinstance(refusal, MethodNotAllowed):
        answer.headers["allow"] = "POST"
    return answer


def of_document(error: GraphQLError) -> dict[str, Any]:
    """What is wrong with a document or its variables, without what the caller told."""
    told: dict[str, Any] = dict(error.formatted)
    for pattern, less in _REPEATED:
        told["message"] = pattern.sub(less, told["message"])
    told["extensions"] = {"code": "GRAPHQL_INVALID"}
    return told


def told_error(error: GraphQLError, language: Language) -> dict[str, Any]:
    """An error of one field, or of the document."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        return of_document(error)
    told: dict[str, Any] = dict(error.formatted)
    refusal = original if isinstance(original, Refusal) else unexpected(original)
    return told | _told(refusal, language)


def _told(refusal: Refusal, language: Language) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.path is not None:
        extensions["argument"] = client_path(refusal)
    if isinstance(refusal, Unexpected):
        extensions["reference"] = refusal.facts["reference"]
    return {"message": refusal.message(language), "extensions": extensions}

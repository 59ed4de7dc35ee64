"""``POST /graphql``: from bytes to bytes, for whoever the credentials turn out to be."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import strawberry
import structlog
from graphql import GraphQLError
from litestar.types import Receive, Scope, Send

from gongzhi.core.api import Caller, Credentials, Invalid, Kernel, Language, Refusal
from gongzhi.graphql.context import Context
from gongzhi.graphql.schema import build_schema, plugin_of

log = structlog.get_logger()

#: The largest request body, in bytes. Onboarding files come in it, as base64.
LARGEST_BODY = 12 * 1024 * 1024


class Request(msgspec.Struct, kw_only=True, rename="camel"):
    """The body of a GraphQL request."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class BodyTooLarge(Invalid):
    """The request is larger than the platform reads."""

    code = "BODY_TOO_LARGE"
    zh = "请求内容超过{limit}字节"
    en = "The request is larger than {limit} bytes"


class RequestMalformed(Invalid):
    """The request is no GraphQL request."""

    code = "REQUEST_MALFORMED"
    zh = "请求格式有误：{problem}"
    en = "This is no GraphQL request: {problem}"


class Unexpected(Refusal):
    """Something went wrong on our side; only its reference is told."""

    code = "UNEXPECTED"
    zh = "系统出现意外，请把编号 {reference} 告知管理员"
    en = "Something went wrong on our side; tell your administrator the reference {reference}"
    top_level = True


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: dict[str, Any]


class Endpoint:
    """The GraphQL endpoint of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.schema = build_schema(kernel.plugins)
        self._plugin_of = plugin_of(kernel.plugins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        language = language_of(headers.get("accept-language", ""))
        try:
            if scope.get("method") != "POST":
                raise RequestMalformed(problem="POST only / 仅支持 POST")
            request = _parse(await _body(receive))
            answer = await self.answer(credentials_of(headers, scope, language), request)
        except Refusal as refusal:
            answer = refused(refusal, language)
        except Exception as error:
            answer = refused(unexpected(error), language, status=500)
        payload = msgspec.json.encode(answer.body, enc_hook=str)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (b"content-type", b"application/json; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": payload, "more_body": False})

    async def answer(self, credentials: Credentials, request: Request) -> Answer:
        """Execute a request on behalf of whoever sent it."""
        caller = await self.kernel.plugins.first("find_caller", kernel=self.kernel, credentials=credentials)
        if not isinstance(caller, Caller):
            raise LookupError("no plugin answers find_caller")
        return await self.execute(caller, request)

    async def execute(self, caller: Caller, request: Request) -> Answer:
        """Execute a request; a failing field rolls the command back."""
        context = Context(self.kernel, caller, self._plugin_of)
        failure: BaseException | None = RuntimeError("not executed")
        try:
            result: Any = await self.schema.execute(
                request.query,
                variable_values=request.variables,
                operation_name=request.operation_name,
                context_value=context,
            )
            failure = _first_failure(result)
        finally:
            late = await _finish(context, failure)
        if late is not None:
            return refused(late if isinstance(late, Refusal) else unexpected(late), caller.actor.language)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [told_error(error, caller.actor.language) for error in result.errors]
        return Answer(200, body)


async def _finish(context: Context, failure: BaseException | None) -> Exception | None:
    """Commit or roll back; answers what made the commit fail."""
    try:
        await context.finish(failure)
    except Exception as error:  # noqa: BLE001  # told as an error of the whole request
        return error
    return None


def _first_failure(result: strawberry.types.ExecutionResult) -> BaseException | None:
    if not result.errors:
        return None
    return result.errors[0].original_error or result.errors[0]


def told_error(error: GraphQLError, language: Language) -> dict[str, Any]:
    """The error as clients see it: a stable code; of the unexpected nothing but a reference."""
    told: dict[str, Any] = dict(error.formatted)
    original = error.original_error
    if isinstance(original, Refusal):
        told["message"] = original.message(language)
        told["extensions"] = {"code": original.code, **_where(original)}
    elif original is None or isinstance(original, GraphQLError):
        told["extensions"] = {"code": "GRAPHQL_INVALID", **(error.extensions or {})}
    else:
        hidden = unexpected(original)
        told["message"] = hidden.message(language)
        told["extensions"] = {"code": hidden.code, "reference": hidden.facts["reference"]}
    return told


def _where(refusal: Refusal) -> dict[str, str]:
    return {} if refusal.path is None else {"argument": refusal.path}


def unexpected(error: BaseException) -> Unexpected:
    """Log what happened, whole; answer what may be told of it."""
    reference = uuid.uuid4().hex[:12]
    log.error("graphql.unexpected", reference=reference, exc_info=error)
    return Unexpected(reference=reference)


def refused(refusal: Refusal, language: Language, *, status: int | None = None) -> Answer:
    """A whole request refused."""
    statuses = {"NOT_SIGNED_IN": 401, "RATE_LIMITED": 429, "BODY_TOO_LARGE": 413, "REQUEST_MALFORMED": 400}
    extensions = {"code": refusal.code, **_where(refusal)}
    if isinstance(refusal, Unexpected):
        extensions["reference"] = str(refusal.facts["reference"])
    error = {"message": refusal.message(language), "extensions": extensions}
    return Answer(status or statuses.get(refusal.code, 200), {"data": None, "errors": [error]})


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message: Any = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST_BODY:
            raise BodyTooLarge(limit=LARGEST_BODY, problem="")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _parse(body: bytes) -> Request:
    try:
        return msgspec.json.decode(body, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestMalformed(problem=str(error)) from error


def language_of(header: str) -> Language:
    """Chinese unless the client prefers English."""
    for part in header.split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "zh"


def credentials_of(headers: Mapping[str, str], scope: Any, language: Language) -> Credentials:
    """What the request brought, not yet believed."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    cookies = dict(
        part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";") if "=" in part
    )
    client = scope.get("client")
    return Credentials(
        session=cookies.get("gongzhi_session"),
        bearer=bearer.strip() if scheme.lower() == "bearer" else None,
        csrf=headers.get("x-csrf-token"),
        scope=headers.get("gongzhi-scope"),
        address=client[0] if client else None,
        language=language,
    )

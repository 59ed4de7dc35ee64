"""What a GraphQL request is made of: a body, a language, credentials."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar.types import Receive

from gongzhi.core.api import Credentials, Language, Words
from gongzhi.graphql.errors import BodyTooLarge, RequestMalformed

#: The largest request body, in bytes. Onboarding files come in it, as base64.
LARGEST_BODY = 12 * 1024 * 1024
#: The same for somebody who is not signed in.
LARGEST_OF_NOBODY = 64 * 1024


class Request(msgspec.Struct, kw_only=True, rename="camel"):
    """The body of a GraphQL request."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def read_request(receive: Receive, largest: int = LARGEST_BODY) -> tuple[Request, int]:
    """(the request in a body of JSON, how many bytes it took).

    :param largest: how many bytes are read.
    :raises BodyTooLarge: it is longer than the platform reads.
    :raises RequestMalformed: it is no such request.
    """
    try:
        body = await _body(receive, largest)
        return msgspec.json.decode(body, type=Request), len(body)
    except msgspec.ValidationError as error:
        raise RequestMalformed(problem=str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestMalformed(problem=Words(zh="请求体不是 JSON", en="the body is not JSON")) from error


async def _body(receive: Receive, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise RequestMalformed(problem=Words(zh="请求中断", en="it was broken off"))
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > largest:
            raise BodyTooLarge(limit=largest)
        if not message.get("more_body"):
            return b"".join(parts)


#: The headers that are read, as ASGI spells them.
_READ = {
    name.encode(): name
    for name in ("accept-language", "authorization", "cookie", "gongzhi-scope", "x-csrf-token")
}


def headers_of(scope: Any) -> dict[str, str]:
    """The headers that are read here, by their names in small letters."""
    return {_READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}


def language_of(headers: Mapping[str, str]) -> Language:
    """Chinese unless the client prefers English."""
    preferred = headers.get("accept-language")
    for part in preferred.lower().split(",") if preferred else ():
        tag = part.strip()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "zh"


def credentials_of(scope: Any, headers: Mapping[str, str]) -> Credentials:
    """What the request brought, not yet believed."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    client = scope.get("client")
    return Credentials(
        session=_cookie(headers["cookie"], "gongzhi_session") if "cookie" in headers else None,
        bearer=bearer.strip() if scheme.lower() == "bearer" else None,
        csrf=headers.get("x-csrf-token"),
        scope=headers.get("gongzhi-scope"),
        address=client[0] if client else None,
        language=language_of(headers),
    )


def _cookie(header: str, name: str) -> str | None:
    """By hand: the standard library's reader gives up at the first odd cookie of somebody else."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for key, _, value in pairs if key == name), None)

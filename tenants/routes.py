"""``/session``: how people sign in and out, and make an account their own. Everything else is GraphQL."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, delete, post
from litestar.datastructures import Cookie

from gongzhi.core.api import Invalid, Kernel, Refusal, TooMany, Words
from gongzhi.tenants.activation import Activate, activate
from gongzhi.tenants.sign_in import SignedIn, SignIn, sign_in, sign_out

_ToldT = TypeVar("_ToldT")
SESSION_COOKIE, CSRF_COOKIE = "gongzhi_session", "gongzhi_csrf"

_STATUS = {"RATE_LIMITED": 429, "SIGN_IN_REFUSED": 401, "ACTIVATION_REFUSED": 401, "CSRF_MISSING": 403}


def routes(kernel: Kernel) -> Iterable[Any]:
    """The handlers, for this kernel."""
    secure = kernel.settings.mode == "production"

    @post("/session", status_code=201)
    async def open_session(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        address = request.client.host if request.client else ""
        try:
            told = _told(request.content_type[0], await request.body(), SignIn)
            opened = await sign_in(kernel, told, address=address)
        except Refusal as refusal:
            return refused(refusal, request)
        return Response({"csrfToken": opened.csrf}, cookies=_cookies(opened, secure=secure))

    @post("/session/activate", status_code=200)
    async def activate_account(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        address = request.client.host if request.client else ""
        try:
            told = _told(request.content_type[0], await request.body(), Activate)
            await activate(kernel, told, address=address)
        except Refusal as refusal:
            return refused(refusal, request)
        return Response({})

    @delete("/session", status_code=200)
    async def close_session(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        token = request.cookies.get(SESSION_COOKIE)
        if token is not None:
            try:
                await sign_out(kernel, token, request.headers.get("x-csrf-token"))
            except Refusal as refusal:
                return refused(refusal, request)
        response: Response[dict[str, Any]] = Response({})
        for name in (SESSION_COOKIE, CSRF_COOKIE):
            response.delete_cookie(name)
        return response

    return (open_session, activate_account, close_session)


def _told(content_type: str, body: bytes, kind: type[_ToldT]) -> _ToldT:
    """What was sent. JSON only, for a foreign page may send a form or plain text here without asking."""
    if content_type != "application/json":
        raise Invalid(problem=Words(zh="请以 application/json 提交", en="send application/json"))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(problem=str(error)) from error


def _cookies(opened: SignedIn, *, secure: bool) -> list[Cookie]:
    age = opened.hours * 3600
    return [
        Cookie(
            SESSION_COOKIE, value=opened.session, httponly=True, samesite="strict", secure=secure, max_age=age
        ),
        Cookie(CSRF_COOKIE, value=opened.csrf, httponly=False, samesite="strict", secure=secure, max_age=age),
    ]


def refused(refusal: Refusal, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """A refusal in the shape GraphQL's errors have."""
    english = request.headers.get("accept-language", "zh").lower().startswith("en")
    error = {"message": refusal.message("en" if english else "zh"), "extensions": {"code": refusal.code}}
    headers = {"Retry-After": str(refusal.facts["seconds"])} if isinstance(refusal, TooMany) else {}
    return Response({"errors": [error]}, status_code=_STATUS.get(refusal.code, 400), headers=headers)

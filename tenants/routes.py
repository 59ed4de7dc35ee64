"""``/session``: how people sign in and out. Everything else is GraphQL."""

from collections.abc import Iterable
from typing import Any

from litestar import Request, Response, delete, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody

from gongzhi.core.api import Credentials, Kernel, Refusal
from gongzhi.tenants.callers import find_caller
from gongzhi.tenants.sign_in import SignedIn, SignIn, sign_in, sign_out

SESSION_COOKIE, CSRF_COOKIE = "gongzhi_session", "gongzhi_csrf"

_STATUS = {"RATE_LIMITED": 429, "SIGN_IN_REFUSED": 401, "NOT_SIGNED_IN": 401, "CSRF_MISSING": 403}


def routes(kernel: Kernel) -> Iterable[Any]:
    """The two handlers, for this kernel."""
    secure = kernel.settings.mode == "production"

    @post("/session", status_code=201)
    async def open_session(
        data: JSONBody[SignIn], request: Request[Any, Any, Any]
    ) -> Response[dict[str, Any]]:
        address = request.client.host if request.client else ""
        try:
            opened = await sign_in(kernel, data, address=address)
        except Refusal as refusal:
            return refused(refusal, request)
        return Response({"csrfToken": opened.csrf}, cookies=_cookies(opened, secure=secure))

    @delete("/session", status_code=200)
    async def close_session(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        token = request.cookies.get(SESSION_COOKIE)
        if token is not None:
            try:
                await find_caller(
                    kernel, Credentials(session=token, csrf=request.headers.get("x-csrf-token"))
                )
            except Refusal as refusal:
                return refused(refusal, request)
            await sign_out(kernel, token)
        response: Response[dict[str, Any]] = Response({})
        for name in (SESSION_COOKIE, CSRF_COOKIE):
            response.delete_cookie(name)
        return response

    return (open_session, close_session)


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
    return Response({"errors": [error]}, status_code=_STATUS.get(refusal.code, 400))

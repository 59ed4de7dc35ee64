"""``POST /graphql``: from bytes to bytes, for whoever the credentials turn out to be."""

from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send
from strawberry.schema.exceptions import CannotGetOperationTypeError

from gongzhi.core.api import Caller, Credentials, Kernel, Refusal
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiled import CompiledReads
from gongzhi.graphql.context import Context
from gongzhi.graphql.errors import Answer, MethodNotAllowed, RequestMalformed, refused, told_error, unexpected
from gongzhi.graphql.requests import Request, credentials_of, headers_of, language_of, read_request
from gongzhi.graphql.schema import build_schema


class Endpoint:
    """The GraphQL endpoint of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.schema = build_schema(kernel.plugins)
        self._catalogue = Catalogue.of(kernel.plugins, self.schema)
        self.compiled = CompiledReads(kernel, self.schema._schema, self._catalogue)  # noqa: SLF001

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        answer = await self._answer(scope, receive)
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]
        if answer.status == 405:
            headers.append((b"allow", b"POST"))
        payload = answer.raw or msgspec.json.encode(answer.body)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": payload, "more_body": False})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        language = language_of(headers)
        try:
            if scope.get("method") != "POST":
                return refused(MethodNotAllowed(), language)
            request = await read_request(receive)
            caller = await self._caller(credentials_of(scope, headers))
            compiled = await self.compiled.answer(caller, request)
            return await self.execute(caller, request) if compiled is None else Answer(200, {}, compiled)
        except Refusal as refusal:
            return refused(refusal, language)
        except Exception as error:  # noqa: BLE001  # logged whole, told by reference
            return refused(unexpected(error), language)

    async def _caller(self, credentials: Credentials) -> Caller:
        caller = await self.kernel.plugins.first("find_caller", kernel=self.kernel, credentials=credentials)
        if not isinstance(caller, Caller):
            raise TypeError("no plugin answers find_caller")
        return caller

    async def execute(self, caller: Caller, request: Request) -> Answer:
        """Execute a request on behalf of this caller.

        :raises RequestMalformed: it names no operation of its document.
        """
        context = Context(self.kernel, caller, self._catalogue)
        try:
            result: Any = await self.schema.execute(
                request.query,
                variable_values=request.variables,
                operation_name=request.operation_name,
                context_value=context,
            )
        except CannotGetOperationTypeError as error:
            raise RequestMalformed(problem=error.as_http_error_reason()) from error
        finally:
            await context.close()
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [told_error(error, caller.actor.language) for error in result.errors]
        return Answer(200, body)

"""``POST /graphql``: from bytes to bytes, for whoever the credentials turn out to be."""

import asyncio
from functools import partial
from typing import Any

from graphql import OperationType, execute
from litestar.types import Receive, Scope, Send

from gongzhi.core.api import (
    Caller,
    CallerChanged,
    Credentials,
    Kernel,
    NotSignedIn,
    Refusal,
    TooMany,
    TooSlow,
)
from gongzhi.graphql.budget import LEAST, Budgets
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiled import CompiledReads
from gongzhi.graphql.context import Context
from gongzhi.graphql.cost import Cost
from gongzhi.graphql.documents import Documents
from gongzhi.graphql.errors import Answer, MethodNotAllowed, NotValid, refused, told_error, unexpected
from gongzhi.graphql.executor import Executor
from gongzhi.graphql.metrics import PLAIN, READ, REFUSED, WRITTEN
from gongzhi.graphql.outline import Asking, asking
from gongzhi.graphql.requests import (
    LARGEST_BODY,
    LARGEST_OF_NOBODY,
    Request,
    credentials_of,
    headers_of,
    language_of,
    read_request,
)
from gongzhi.graphql.schema import build_schema
from gongzhi.graphql.writes import CompiledWrites

_HEADERS = ((b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store"))
#: How often a request is begun anew because its caller changed under it.
_ATTEMPTS = 5
#: Seconds that the plain executor may take.
_PATIENCE = 20
#: How many times its points a query costs that is executed field by field, and points of refused credentials.
PLAIN_TIMES, REFUSED_POINTS = 30, 20


class Endpoint:
    """The GraphQL endpoint of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.schema = build_schema(kernel.plugins)
        self._catalogue = Catalogue.of(kernel.plugins, self.schema)
        self._core = self.schema._schema  # noqa: SLF001  # graphql-core's, which strawberry wraps
        self._documents = Documents(self._core, hints=kernel.settings.mode == "development")
        self.reads = CompiledReads(kernel, self._catalogue)
        self.writes = CompiledWrites(kernel, self._catalogue)
        self.budgets = Budgets.of(kernel.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        answer = await self._answer(scope, receive)
        payload = answer.payload()
        headers = [*_HEADERS, (b"content-length", b"%d" % len(payload))]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": payload, "more_body": False})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        language = language_of(headers)
        if scope.get("method") != "POST":
            return refused(MethodNotAllowed(), language)
        try:
            credentials = credentials_of(scope, headers)
            caller = await self._caller(credentials)
            self.budgets.check(caller, credentials.address)
            request, size = await read_request(
                receive, LARGEST_BODY if caller.subjects else LARGEST_OF_NOBODY
            )
            return await self.respond(credentials, caller, request, size)
        except Refusal as refusal:
            REFUSED.labels(refusal.code).inc()
            return refused(refusal, language)
        except Exception as error:  # noqa: BLE001  # logged whole, told by reference
            return refused(unexpected(error), language)

    async def _caller(self, credentials: Credentials) -> Caller:
        """The caller; who tries tokens and scopes spends what his address may.

        :raises Refusal: the credentials are nobody's, or open no such scope.
        """
        known = self.kernel.callers.known(credentials)
        if known is not None:
            return known
        self.budgets.check_address(credentials.address)
        try:
            return await self.kernel.callers.find(credentials)
        except Refusal:
            self.budgets.spend_of_address(credentials.address, REFUSED_POINTS)
            raise

    async def respond(
        self, credentials: Credentials, caller: Caller, request: Request, size: int = 0
    ) -> Answer:
        """Answer a request within the caller's budget.

        :param size: bytes of its body.
        :raises Refusal: nothing of it is answered.
        """
        work = size // 1024
        if not self._documents.knows(request.query, request.operation_name):
            work += len(request.query) // 100
        try:
            told = self.asking(request)
        except NotValid as error:
            self.budgets.spend(caller, credentials.address, LEAST + work)
            return Answer(200, {"data": None, "errors": error.told})
        except Refusal:
            self.budgets.spend(caller, credentials.address, LEAST + work)
            raise
        self._check_introspection(caller, told)
        left = self.budgets.spend(caller, credentials.address, told.cost.points + work)
        answer = await self._within_attempts(credentials, caller, told)
        answer.extensions = _extensions(told.cost, left)
        return answer

    def asking(self, request: Request) -> Asking:
        """The document with its variables, within what one request may ask for.

        :raises NotValid: it is no GraphQL of this schema.
        :raises Refusal: it is beyond a limit, or no request.
        """
        return asking(
            self._documents,
            self._catalogue.nodes,
            request.query,
            request.variables,
            request.operation_name,
        )

    def _check_introspection(self, caller: Caller, told: Asking) -> None:
        """:raises NotSignedIn: nobody asks a server that is in use for its schema."""
        known = caller.subjects or self.kernel.settings.mode == "development"
        if not known and any(root.name in ("__schema", "__type") for root in told.outline.roots):
            raise NotSignedIn

    async def _within_attempts(self, credentials: Credentials, caller: Caller, told: Asking) -> Answer:
        for _ in range(_ATTEMPTS):
            try:
                return await self._once(credentials, caller, told)
            except CallerChanged:
                caller = await self.kernel.callers.find(credentials)
        raise TooMany(seconds=1)

    async def _once(self, credentials: Credentials, caller: Caller, told: Asking) -> Answer:
        holds = partial(self.kernel.callers.holds, credentials, caller)
        if told.prepared.operation.operation is OperationType.QUERY:
            data = await self.reads.answer(caller, told, holds)
            if data is not None:
                READ.inc()
                return Answer(200, {}, data)
            if caller.scope is not None and not all(
                root.name.startswith("__") for root in told.outline.roots
            ):
                # Field by field it takes many times as long; what ends in a refusal seldom is asked twice.
                most = self.kernel.settings.query_budget // 2
                self.budgets.spend(caller, credentials.address, min(told.cost.points * PLAIN_TIMES, most))
        else:
            written = await self.writes.answer(caller, told, holds)
            if written is not None:
                WRITTEN.inc()
                errors = {"errors": written.errors} if written.errors else {}
                return Answer(200, errors, written.data)
        PLAIN.inc()
        certain = await self.kernel.callers.certain(credentials) if caller.subjects else caller
        return await self.execute(certain, told)

    async def execute(self, caller: Caller, told: Asking) -> Answer:
        """Answer by the plain executor: what is not compiled, and what ends in a refusal.

        :raises TooSlow: it takes longer than a statement may.
        """
        context = Context(self.kernel, caller, self._catalogue)
        try:
            async with asyncio.timeout(_PATIENCE):
                executed: Any = execute(
                    self._core,
                    told.prepared.document,
                    context_value=context,
                    variable_values=dict(told.given),
                    operation_name=told.operation_name,
                    executor_class=Executor,
                )
                result = await executed if hasattr(executed, "__await__") else executed
        except TimeoutError as error:
            raise TooSlow from error
        finally:
            await context.close()
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [told_error(error, caller.actor.language) for error in result.errors]
        return Answer(200, body)


def _extensions(cost: Cost, left: int) -> bytes:
    told = (cost.points, cost.nodes, cost.depth, left)
    return b'{"cost":{"requested":%d,"nodes":%d,"depth":%d,"remaining":%d}}' % told

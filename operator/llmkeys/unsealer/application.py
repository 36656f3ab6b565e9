"""The service as an ASGI application: from HTTP to values and back."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from llmkeys.unsealer.audit import Audit
from llmkeys.unsealer.call import MAX_BODY, too_large
from llmkeys.unsealer.opening import Incoming, Opened, Outcome, Unsealer
from llmkeys.unsealer.refusal import Reason, Refusal, unavailable
from llmkeys.unsealer.usage import UsageReport

log = structlog.get_logger(__name__)

UNSEAL: Final = "/v1/unseal"
USAGE: Final = "/v1/usage"
BODY_SECONDS: Final = 10.0

_JSON: Final = "application/json"
_OTHER: Final = "other"
_UNREAD_BODY: Final = frozenset({Reason.TOO_LARGE, Reason.TOO_SLOW})


def application(unsealer: Unsealer, audit: Audit, body_seconds: float = BODY_SECONDS) -> Starlette:
    """The service.

    Args:
        unsealer: decides.
        audit: told of every answer.
        body_seconds: within which a body must have come.

    """

    async def unseal(request: Request) -> Response:
        async def body() -> bytes | Refusal:
            return _media_refusal(request.headers) or await _body(request, body_seconds)

        return await _answered(audit, UNSEAL, request, unsealer.unseal, body)

    async def usage(request: Request) -> Response:
        return await _answered(audit, USAGE, request, unsealer.report, _no_body)

    async def elsewhere(request: Request, error: Exception) -> Response:
        not_allowed = isinstance(error, HTTPException) and error.status_code == 405  # noqa: PLR2004
        reason = Reason.METHOD_NOT_ALLOWED if not_allowed else Reason.NOT_FOUND
        outcome = Outcome(Refusal(reason, f"There is POST {UNSEAL} and, for the controller, GET {USAGE}."))
        audit.answered(_OTHER, _address(request), outcome, 0.0)
        return _response(outcome)

    return Starlette(
        routes=[Route(UNSEAL, unseal, methods=["POST"]), Route(USAGE, usage, methods=["GET"])],
        exception_handlers={404: elsewhere, 405: elsewhere},
    )


async def _answered(
    audit: Audit,
    path: str,
    request: Request,
    answer: Callable[[Incoming], Awaitable[Outcome]],
    body: Callable[[], Awaitable[bytes | Refusal]],
) -> Response:
    began = time.perf_counter()
    incoming = Incoming(_address(request), request.headers.get("authorization"), body)
    try:
        outcome = await answer(incoming)
    except Exception:  # a bug of ours must be a line of the audit too, and never an open envelope
        log.exception("the request could not be answered")
        outcome = Outcome(unavailable())
    audit.answered(path, incoming.address, outcome, time.perf_counter() - began)
    return _response(outcome)


def _response(outcome: Outcome) -> Response:
    result = outcome.result
    headers = {"Cache-Control": "no-store"}
    if isinstance(result, Opened):
        content = b'{"content":%b,"sequence":%d}' % (result.content, result.sequence)
        return Response(content, 200, headers, _JSON)
    if isinstance(result, UsageReport):
        return Response(msgspec.json.encode(result), 200, headers, _JSON)
    if result.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(result.retry_after))
    if result.status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    if result.reason in _UNREAD_BODY:
        # Otherwise the server would read on what nobody wants.
        headers["Connection"] = "close"
    content = msgspec.json.encode({"reason": result.reason, "message": result.message})
    return Response(content, result.status, headers, _JSON)


def _media_refusal(headers: Mapping[str, str]) -> Refusal | None:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _JSON:
        return Refusal(Reason.UNSUPPORTED_MEDIA_TYPE, f"Send the body with Content-Type: {_JSON}.")
    length = headers.get("content-length", "")
    return too_large() if length.isdigit() and int(length) > MAX_BODY else None


async def _body(request: Request, seconds: float) -> bytes | Refusal:
    content = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                content += chunk
                if len(content) > MAX_BODY:
                    return too_large()
    except (TimeoutError, ClientDisconnect):
        return Refusal(Reason.TOO_SLOW, f"The body must have come within {seconds:g} seconds.")
    return bytes(content)


async def _no_body() -> bytes | Refusal:
    return b""


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

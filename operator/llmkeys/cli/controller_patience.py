"""What the start of the controller waits for: its kinds, and an API server that answers."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, PROVIDER_PLURAL
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.internal import served_kinds

_PAUSE: Final = 2.0
_REFUSALS_AT_START: Final = 2

_T = TypeVar("_T")

log = structlog.get_logger("llmkeys.controller")


async def wait_for_crds(stop: asyncio.Event, client: ApiClient) -> None:
    said = False
    while not stop.is_set() and not {CREDENTIAL_PLURAL, PROVIDER_PLURAL} <= await served_kinds(client, API_VERSION):
        if not said:
            log.warning("the CRDs are missing; apply them: kubectl apply --server-side -f crds/")
            said = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PAUSE)


async def patiently(stop: asyncio.Event, step: Callable[[], Awaitable[_T]]) -> _T | None:
    """Do a step of the start, again and again while the API server is away; None if told to stop meanwhile.

    An API server that has just started forbids everything until it has read its roles: a few refusals mean nothing.
    """
    refusals = 0
    while not stop.is_set():
        try:
            return await step()
        except (ApiUnavailableError, ForbiddenError) as error:
            refusals += isinstance(error, ForbiddenError)
            if refusals > _REFUSALS_AT_START:
                raise
            log.warning("waiting for the API server", detail=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PAUSE)
    return None

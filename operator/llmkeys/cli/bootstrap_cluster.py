"""Hands a bootstrap over, asks for the next one, and takes a consumed template away, with a person's own rights."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from llmkeys.api.errors import LlmkeysError, PlatformError
from llmkeys.api.names import BOOTSTRAP_SECRET, PROVIDER_PLURAL
from llmkeys.api.provider import LLMProvider
from llmkeys.bootstrap.story import RunStory
from llmkeys.cli.bootstrap_input import Inputs
from llmkeys.cli.bootstrap_numbers import last_finished, under_way
from llmkeys.cli.status_cluster import connected
from llmkeys.engine.effects import ConflictError, ForbiddenError, NotThereError
from llmkeys.kube.bootstrap_objects import stories
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import BASE
from llmkeys.kube.ring_objects import OwnObjects

_T = TypeVar("_T")
_STATUS: Final = "llmkeys bootstrap status"


class NotHandedOverError(PlatformError):
    """The bootstrap is not asked for; the text says why and what to do."""


def hand_over(namespace: str, sealed: str, *, again: bool) -> None:
    """Create the input Secret, or with `again` put this input in its place and ask for the next run.

    Args:
        namespace: the operator's.
        sealed: text of the input.
        again: it is not the first bootstrap.

    Raises:
        NotHandedOverError: there was one already, or there is an input already.
        LlmkeysError: the API server cannot be asked, or a right is missing.

    """

    async def act(client: ApiClient) -> None:
        inputs, runs = Inputs(client, namespace), await stories(OwnObjects(client, namespace))
        found = await inputs.read()
        if again and found is not None:
            _require_mutable(found.immutable, namespace)
            await inputs.replace(found, sealed, _next(runs))
        elif again:
            await inputs.create(sealed, _next(runs))
        elif found is None and not last_finished(runs):
            await inputs.create(sealed)
        else:
            raise NotHandedOverError(_why_not(namespace, runs, is_there=found is not None))

    run(namespace, act)


def ask_again(namespace: str) -> int:
    """Ask for the next run of the input that is there; its number.

    Raises:
        NotHandedOverError: there is no input, or a run is not finished yet.
        LlmkeysError: the API server cannot be asked, or a right is missing.

    """

    async def act(client: ApiClient) -> int:
        inputs = Inputs(client, namespace)
        found = await inputs.read()
        if found is None or not found.inputs:
            raise NotHandedOverError(
                f"Secret {namespace}/{BOOTSTRAP_SECRET} holds no template any more. Name it: "
                "llmkeys bootstrap --again FILE"
            )
        number = _next(await stories(OwnObjects(client, namespace)))
        await inputs.ask(found, number)
        return number

    return run(namespace, act)


def providers_there(names: Collection[str]) -> dict[str, LLMProvider]:
    """Those of some LLMProviders that are in the cluster; none if it cannot be asked."""

    async def act() -> dict[str, LLMProvider]:
        async with connected() as client:
            found = [await _provider(client, name) for name in sorted(names)]
            return {one.metadata.name: one for one in found if one is not None}

    try:
        return asyncio.run(act())
    except LlmkeysError:
        return {}


def run(namespace: str, action: Callable[[ApiClient], Awaitable[_T]]) -> _T:
    """Log in and do it.

    Args:
        namespace: the operator's.
        action: what to do.

    Raises:
        NotHandedOverError: a right is missing, or somebody else wrote at the same time.
        LlmkeysError: the API server cannot be asked.

    """

    async def act() -> _T:
        async with connected() as client:
            return await action(client)

    try:
        return asyncio.run(act())
    except ForbiddenError as error:
        what = str(error).partition(";")[0]
        raise NotHandedOverError(f"{what}. It takes this right in the namespace {namespace}.") from None
    except ConflictError:
        raise NotHandedOverError(
            f"Somebody else changed Secret {namespace}/{BOOTSTRAP_SECRET} at the same time. Look again: {_STATUS}"
        ) from None
    except NotThereError:
        raise NotHandedOverError(f"There is no namespace {namespace}, or it is being deleted.") from None


async def _provider(client: ApiClient, name: str) -> LLMProvider | None:
    try:
        content = await client.get(f"{BASE}/{PROVIDER_PLURAL}/{quote(name, safe='')}", PROVIDER_PLURAL)
        return msgspec.json.decode(content, type=LLMProvider)
    except (NotThereError, ForbiddenError, msgspec.MsgspecError):
        return None


def _next(runs: tuple[RunStory, ...]) -> int:
    """The number of the run that can be asked for."""
    if number := under_way(runs):
        raise NotHandedOverError(f"Bootstrap {number} is not finished; the operator goes on by itself: {_STATUS}")
    return last_finished(runs) + 1


def _why_not(namespace: str, runs: tuple[RunStory, ...], *, is_there: bool) -> str:
    if number := last_finished(runs):
        return (
            f"There was a bootstrap already (number {number}), and it happens once: {_STATUS}\n"
            "To create what is missing all the same: llmkeys bootstrap --again FILE"
        )
    if number := under_way(runs):
        return f"Bootstrap {number} is under way: {_STATUS}"
    if not is_there:
        raise AssertionError("nothing speaks against it")
    return (
        f"Secret {namespace}/{BOOTSTRAP_SECRET} is there and the operator has not consumed it yet: {_STATUS}\n"
        f"If it is not wanted: kubectl delete secret {BOOTSTRAP_SECRET} -n {namespace}"
    )


def _require_mutable(immutable: bool, namespace: str) -> None:
    if immutable:
        raise NotHandedOverError(
            f"Secret {namespace}/{BOOTSTRAP_SECRET} is immutable. Delete it, then hand over: "
            f"kubectl delete secret {BOOTSTRAP_SECRET} -n {namespace}"
        )

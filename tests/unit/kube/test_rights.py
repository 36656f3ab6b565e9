import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.rights import ListedNamespaces
from llmkeys.kube.ring_use import Traces, traces_in
from llmkeys.kube.watch import MetadataWatch


@dataclass
class Rights:
    """An API server that lets us list in some namespaces, and what it was asked."""

    denied: set[tuple[str, str]] = field(default_factory=set)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def list(self, path: str, resource: str, **_: str) -> bytes:
        self.asked.append(path)
        if self.away:
            raise ApiUnavailableError("away")
        if any(f"/namespaces/{namespace}/" in path and resource == of for namespace, of in self.denied):
            raise ForbiddenError(f"list {resource}: forbidden")
        return b'{"metadata": {}}'


def listed(rights: Rights, names: Sequence[str]) -> ListedNamespaces:
    return ListedNamespaces(cast("ApiClient", rights), names)


@pytest.mark.parametrize("missing", ["llmcredentials", "secrets"])
async def test_one_in_which_a_right_is_missing_is_left_out(missing: str) -> None:
    namespaces = listed(Rights({("team-b", missing)}), ["team-a", "team-b", "team-c"])

    await namespaces.look()

    assert namespaces.served == ("team-a", "team-c")


async def test_where_all_are_denied_the_missing_right_is_told() -> None:
    namespaces = listed(Rights({("team-a", "secrets")}), ["team-a", "team-a"])

    with pytest.raises(ForbiddenError, match="list secrets: forbidden"):
        await namespaces.look()


async def test_for_the_whole_cluster_nothing_is_asked_and_nothing_left_out() -> None:
    rights = Rights()
    namespaces = listed(rights, [])

    await namespaces.look()

    assert namespaces.served == ()
    assert rights.asked == []


async def test_an_api_server_that_is_away_is_no_missing_right() -> None:
    with pytest.raises(ApiUnavailableError):
        await listed(Rights(away=True), ["team-a"]).look()


async def test_rights_that_come_are_noticed_also_after_an_outage() -> None:
    rights = Rights({("team-b", "secrets"), ("team-c", "secrets")})
    namespaces = listed(rights, ["team-a", "team-b", "team-c"])
    await namespaces.look()
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        rights.away = len(waits) == 2
        if len(waits) == 3:
            rights.denied = {("team-b", "secrets")}

    assert await namespaces.wait_for_rights(wait) == "team-c"
    assert len(waits) == 3


async def test_where_none_are_missing_nobody_waits_for_any() -> None:
    rights = Rights()
    namespaces = listed(rights, ["team-a"])
    await namespaces.look()
    asked = len(rights.asked)
    turns = 0

    async def wait(_: float) -> None:
        nonlocal turns
        turns += 1
        if turns > 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await namespaces.wait_for_rights(wait)
    assert len(rights.asked) == asked


async def test_traces_of_keys_are_looked_for_where_there_is_a_right_to() -> None:
    client = cast("ApiClient", Rights({("team-b", "llmcredentials")}))

    assert await traces_in(client, ["team-a", "team-b"]) == Traces()
    with pytest.raises(ForbiddenError):
        await traces_in(client, ["team-b"])


def test_a_watch_that_nobody_wants_is_never_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = MetadataWatch(
        cast("ApiClient", Rights()),
        "/api/v1/secrets",
        "sources",
        "",
        lambda *_: None,
        lambda _: None,
        namespace="team-b",
    )
    now = time.monotonic() + 1000
    monkeypatch.setattr(time, "monotonic", lambda: now)

    assert watch.age() >= 1000
    watch.is_wanted = False
    assert watch.age() == 0

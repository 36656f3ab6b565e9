import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from structlog.testing import capture_logs

from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.rights import ListedNamespaces


@dataclass
class Rights:
    """An API server that lets us list in some namespaces, and what it was asked."""

    denied: set[tuple[str, str]] = field(default_factory=set)
    away: bool = False
    asked: list[str] = field(default_factory=list)
    under_way: int = 0
    at_once: int = 0

    async def list(self, path: str, resource: str, **_: str) -> bytes:
        self.asked.append(path)
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
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


async def test_many_are_looked_at_a_few_at_once_and_each_once() -> None:
    rights = Rights()
    names = [f"team-{number}" for number in range(40)]
    namespaces = listed(rights, names + names)

    await namespaces.look()

    assert 1 < rights.at_once <= 10
    assert len(rights.asked) == 2 * len(names)
    assert namespaces.served == tuple(names)


async def test_a_second_look_tells_only_what_is_new() -> None:
    namespaces = listed(Rights({("team-b", "secrets")}), ["team-a", "team-b"])

    with capture_logs() as lines:
        await namespaces.look()
        await namespaces.look()

    assert [line["namespace"] for line in lines] == ["team-b"]


async def test_where_none_are_missing_nobody_wakes_up_for_any() -> None:
    namespaces = listed(Rights(), ["team-a"])
    await namespaces.look()

    async def wait(_: float) -> None:
        raise AssertionError("nothing is closed")

    waiting = asyncio.create_task(namespaces.wait_for_rights(wait))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()

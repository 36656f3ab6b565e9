"""Which pods are found to read a Secret's files."""

import json
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from llmkeys.api.objects import Key
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.pods import KubePods

OUT = Key("team", "out")
PLAIN: dict[str, Any] = {"secret": {"secretName": "out"}}
PROJECTED: dict[str, Any] = {"projected": {"sources": [{"serviceAccountToken": {}}, {"secret": {"name": "out"}}]}}


def pod(name: str, *volumes: dict[str, Any], follow: str = "true", **metadata: str) -> dict[str, Any]:
    annotations = {"llmkeys.dev/follow": follow} if follow else {}
    return {"metadata": {"name": name, "annotations": annotations, **metadata}, "spec": {"volumes": list(volumes)}}


@dataclass
class Api:
    """Pods by the label that they have, a page at a time."""

    inject: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    nudge: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    patched: list[tuple[str, Any]] = field(default_factory=list)

    async def list(self, path: str, _resource: str) -> bytes:
        query = parse_qs(urlsplit(path).query)
        self.asked.append(query)
        pages = self.inject if query["labelSelector"] == ["llmkeys.dev/inject=true"] else self.nudge
        number = int(query.get("continue", ["0"])[0])
        more = {"continue": str(number + 1)} if number + 1 < len(pages) else {}
        return json.dumps({"metadata": more, "items": pages[number]}).encode()

    async def patch(self, path: str, _resource: str, body: Any, _kind: str, **_: str) -> bytes:
        self.patched.append((path, body))
        return b"{}"


async def found(api: Api, most: int = 100) -> list[str]:
    return list(await KubePods(cast("ApiClient", api)).following(OUT, most))


@pytest.mark.parametrize("volume", [PLAIN, PROJECTED])
async def test_injected_pods_that_are_followed_and_mount_the_secret_are_found(volume: dict[str, Any]) -> None:
    api = Api(inject=[[pod("a", {"emptyDir": {}}, volume), pod("b", volume, follow=""), pod("c", volume, follow="no")]])

    assert await found(api) == ["a"]


@pytest.mark.parametrize("volume", [PLAIN, PROJECTED])
async def test_pods_that_ask_for_it_by_a_label_are_found_whether_injected_or_not(volume: dict[str, Any]) -> None:
    both = pod("both", volume)
    api = Api(inject=[[both]], nudge=[[both, pod("own", volume, follow="")]])

    assert await found(api) == ["both", "own"]


@pytest.mark.parametrize(
    "volume",
    [{"secret": {"secretName": "other"}}, {"projected": {"sources": [{"secret": {"name": "other"}}]}}, {}],
)
async def test_pods_that_mount_something_else_are_not(volume: dict[str, Any]) -> None:
    assert await found(Api(inject=[[pod("a", volume)]], nudge=[[pod("b", volume)]])) == []


async def test_pods_that_are_going_are_not() -> None:
    assert await found(Api(inject=[[pod("a", PLAIN, deletionTimestamp="2027-01-01T00:00:00Z")]])) == []


async def test_pods_without_volumes_are_no_error() -> None:
    assert await found(Api(inject=[[{"metadata": {"name": "a"}, "spec": {"volumes": None}}]])) == []


async def test_only_running_pods_are_asked_for_a_page_at_a_time_until_there_are_enough() -> None:
    api = Api(inject=[[pod(f"{page}-{number}", PLAIN) for number in range(3)] for page in range(5)])

    assert await found(api, most=5) == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert all(one["fieldSelector"] == ["status.phase=Running"] and one["limit"] for one in api.asked)
    assert len([one for one in api.asked if one["labelSelector"] == ["llmkeys.dev/inject=true"]]) == 2


async def test_a_nudge_is_one_annotation() -> None:
    api = Api()

    await KubePods(cast("ApiClient", api)).nudge("team", "a", "42")

    body = {"metadata": {"annotations": {"llmkeys.dev/nudged": "42"}}}
    assert api.patched == [("/api/v1/namespaces/team/pods/a", body)]


async def test_an_answer_that_is_no_list_is_an_api_server_that_does_not_answer() -> None:
    with pytest.raises(ApiUnavailableError):
        await found(Api(inject=[[{"metadata": {}}]]))

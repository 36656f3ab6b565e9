"""How long the API server takes to create a pod that is given its credentials (dry run, over one connection)."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.kube import JSON, NAMESPACES, Kube, at_once, credentials_of
from bench.run import Run
from bench.stage import CONCURRENCY, Stage
from tests.support.inject_objects import Pod, credential, pod, status
from tests.support.inject_scene import policies_applied

_VARIABLES = 6
_WARM_UP = 10
_SECONDS_TO_SEE = 60.0
_NO_LABEL = "unlabelled"
_CA_BUNDLE = "-----BEGIN CERTIFICATE-----\n" + "A" * 1500 + "\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True, slots=True)
class _Case:
    """A pod and where it is created.

    Args:
        name: of the result.
        there: how many credentials the namespace has.
        named: how many of them the pod names; 0 gives it all.
        pods: how many are created.

    """

    name: str
    there: int
    named: int = 0
    pods: int = 200

    def pod(self) -> dict[str, Any]:
        asked = ",".join(map(_name, range(self.named)))
        body = pod(asked or None)
        if self.name == _NO_LABEL:
            body["metadata"].pop("labels")
        return body


_CASES = (
    _Case(_NO_LABEL, there=10),
    _Case("one", there=1, named=1),
    _Case("one_of_ten", there=10, named=1),
    _Case("ten_of_ten", there=10),
    _Case("one_of_64", there=64, named=1, pods=50),
    _Case("all_of_64", there=64, pods=20),
)


async def admission(run: Run) -> None:
    """Nobody reconciles these credentials: their status is written here. The operator must not run."""
    with _namespaces(run.stage) as namespaces, policies_applied(run.stage.plane):
        for count, namespace in namespaces.items():
            await _fill(run.stage.admin, namespace, count)
        for case in _CASES:
            body, path = case.pod(), f"{NAMESPACES}/{namespaces[case.there]}/pods?dryRun=All"
            seconds = [await _timed(run.stage.admin, path, body) for _ in range(_WARM_UP + case.pods)]
            run.sampled(f"admission_{case.name}", seconds[_WARM_UP:])


@contextmanager
def _namespaces(stage: Stage) -> Iterator[dict[int, str]]:
    """One for each number of credentials; they go, and with them the credentials."""
    made = {count: stage.plane.new_namespace(f"bench-{count}") for count in sorted({case.there for case in _CASES})}
    try:
        yield made
    finally:
        for name in made.values():
            stage.plane.delete_namespace(name, wait=True)


async def _fill(kube: Kube, namespace: str, count: int) -> None:
    """Create credentials, and wait until a pod is given all of them."""

    async def one(index: int) -> None:
        name = _name(index)
        env = (f"VARIABLE_{index}_{number}" for number in range(_VARIABLES))
        published = status(name, *env, unsealer={"address": "https://llmkeys-unsealer.svc", "caBundle": _CA_BUNDLE})
        await kube.create(credentials_of(namespace), credential(name))
        await kube.merge(f"{credentials_of(namespace)}/{name}/status", {"status": published})

    await at_once(CONCURRENCY, one, range(count))
    deadline = time.monotonic() + _SECONDS_TO_SEE
    path = f"{NAMESPACES}/{namespace}/pods?dryRun=All"
    while len(await _variables(kube, path)) != count * _VARIABLES:
        if time.monotonic() > deadline:
            text = f"the policies do not give a pod the {count} credentials of its namespace"
            raise TimeoutError(text)
        await asyncio.sleep(0.2)


async def _variables(kube: Kube, path: str) -> dict[str, str]:
    """What the variables of a pod that names nothing come from; empty while it is refused."""
    body = msgspec.json.encode(pod())
    headers = {"Content-Type": JSON}
    async with kube.session.post(kube.server + path, data=body, headers=headers) as response:
        content = await response.read()
        return Pod(msgspec.json.decode(content)).variables() if response.status < 300 else {}


async def _timed(kube: Kube, path: str, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    await kube.create(path, body)
    return time.perf_counter() - started


def _name(index: int) -> str:
    return f"credential-{index}"

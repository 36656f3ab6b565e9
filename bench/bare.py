"""A client without an operator around it: for each credential the same call of the provider and the same two writes."""

import asyncio
import contextlib
import copy
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from bench import manifests
from bench.kube import JSON, MERGE_PATCH, METADATA, Kube, at_once, credentials_of, secrets_of
from bench.stage import Population, Stage

CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the operator wrote for one credential."""

    secret: dict[str, Any]
    status: dict[str, Any]


async def pattern(stage: Stage, population: Population) -> Pattern:
    """Read what the operator wrote for the first credential."""
    namespace, name = population.place(0)
    secret = await stage.admin.get(f"{secrets_of(namespace)}/{name}")
    credential = await stage.admin.get(f"{credentials_of(namespace)}/{name}")
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        secret["metadata"].pop(field, None)
    return Pattern(secret, credential["status"])


@dataclass(frozen=True, slots=True)
class _Job:
    namespace: str
    name: str
    uid: str
    version: str
    key: str
    url: str


class BareClient:
    """Does the work of a whole population as fast as it can."""

    def __init__(self, kube: Kube, provider: aiohttp.ClientSession, written: Pattern) -> None:
        self._kube = kube
        self._provider = provider
        self._pattern = written

    async def run(self, jobs: list[_Job]) -> float:
        """Seconds from the first request to the last answer."""
        started = time.perf_counter()
        await at_once(CONCURRENCY, self._one, jobs)
        return time.perf_counter() - started

    async def _one(self, job: _Job) -> None:
        headers = {"Authorization": f"Bearer {job.key}", "Accept": JSON}
        async with self._provider.get(job.url, headers=headers) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the simulated provider answered {response.status}")
        await self._kube.send("POST", secrets_of(job.namespace), self._secret(job), accept=METADATA)
        body = {"metadata": {"resourceVersion": job.version}, "status": self._pattern.status}
        path = f"{credentials_of(job.namespace)}/{job.name}/status"
        await self._kube.send("PATCH", path, body, kind=MERGE_PATCH)

    def _secret(self, job: _Job) -> dict[str, Any]:
        body = copy.copy(self._pattern.secret)
        meta = copy.deepcopy(body["metadata"])
        meta |= {"name": job.name, "namespace": job.namespace}
        meta["ownerReferences"][0] |= {"name": job.name, "uid": job.uid}
        body["metadata"] = meta
        body["data"] = {**body["data"], manifests.VARIABLE: manifests.encoded(job.key)}
        return body


async def bare_run(stage: Stage, written: Pattern, count: int) -> float:
    """Credentials per second of a bare client, on credentials of its own, which are there before the clock starts."""
    population = stage.population("bare", count)
    async with _client(stage, written) as client:
        jobs = await _create(stage, population)
        seconds = await client.run(jobs)
    await stage.remove_all_credentials()
    return count / seconds


@contextlib.asynccontextmanager
async def _client(stage: Stage, written: Pattern) -> AsyncIterator[BareClient]:
    # As the operator's account: authorization and admission cost it what they cost the operator.
    kube = Kube(stage.account_kubeconfig(), stage.plane.ca_file)
    trust = ssl.create_default_context(cadata=stage.simulator.ca_pem)
    connector = aiohttp.TCPConnector(ssl=trust, limit=CONCURRENCY, keepalive_timeout=60)
    try:
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as provider:
            yield BareClient(kube, provider, written)
    finally:
        await kube.close()


async def _create(stage: Stage, population: Population) -> list[_Job]:
    urls = {name: f"{stage.simulator.url(server)}/models" for name, server in stage.providers.items()}
    jobs: list[_Job] = []

    async def one(index: int) -> None:
        namespace, name = population.place(index)
        provider = population.provider(index)
        content = await stage.admin.create(credentials_of(namespace), manifests.credential(name, provider))
        meta = msgspec.json.decode(content)["metadata"]
        key = manifests.new_key()
        jobs.append(_Job(namespace, name, meta["uid"], meta["resourceVersion"], key, urls[provider]))

    await at_once(CONCURRENCY // 2, one, range(population.count))
    await asyncio.sleep(0.5)  # the connections of one kind of work are not to hinder the next
    return jobs

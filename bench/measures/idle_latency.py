"""One changed source, or one more credential, while nothing else happens."""

import asyncio
import time

from bench import manifests
from bench.changing import change_seconds
from bench.kube import credentials_of, secrets_of
from bench.observed import Follower, following
from bench.run import Run

_SAMPLES = 60
_PAUSE = 0.1


async def idle_latency(run: Run) -> None:
    """Take one sample after another; the provider's time is in each."""
    await run.stage.quiet()
    places = run.population.places
    async with following(run.stage.admin) as follower:
        seconds = []
        for index in range(_SAMPLES):
            seconds.append(await change_seconds(run, follower, places[index * 7 % len(places)]))
            await asyncio.sleep(_PAUSE)
        run.sampled("change_latency", seconds)
        run.sampled("one_more_latency", await _one_more(run, follower))


async def _one_more(run: Run, follower: Follower) -> list[float]:
    more = run.stage.population("more", _SAMPLES)
    seconds = []
    for index, (namespace, name) in enumerate(more.places):
        key = manifests.new_key()
        await run.stage.admin.create(secrets_of(namespace), manifests.source(f"{name}-source", key))
        await asyncio.sleep(_PAUSE)
        body = manifests.credential(name, more.provider(index))
        sent = time.time()
        await run.stage.admin.create(credentials_of(namespace), body)
        seconds.append(await follower.delivered((namespace, name), key) - sent)
    await run.stage.remove(more)
    return seconds

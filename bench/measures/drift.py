"""How soon a generated Secret is as it was after somebody edited or deleted it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from bench.kube import secrets_of
from bench.manifests import VARIABLE, encoded
from bench.observed import Follower, Place, following
from bench.run import Run

_SAMPLES = 40
_PAUSE = 0.05

Damage = Callable[[Run, str], Awaitable[str]]
"""Does it, by the path of the Secret; the version that it made, empty if there is none."""


async def drift_heal(run: Run) -> None:
    """Edit and delete by turns, each the Secret of another credential: who is healed too often is given up."""
    stage = run.stage
    await stage.quiet()
    calls = stage.simulator.calls_total()
    seconds: list[float] = []
    places = run.population.places
    async with following(stage.admin) as follower:
        for index in range(min(_SAMPLES, len(places))):
            damage = _edit if index % 2 == 0 else _delete
            seconds.append(await _heal(run, follower, places[index], damage=damage))
            await asyncio.sleep(_PAUSE)
    edited, deleted = seconds[::2], seconds[1::2]
    run.sampled("edit_heal", edited)
    run.sampled("delete_heal", deleted)
    run.sampled("drift_heal", seconds, provider_calls=stage.simulator.calls_total() - calls)


async def _heal(run: Run, follower: Follower, place: Place, damage: Damage) -> float:
    namespace, name = place
    path = f"{secrets_of(namespace)}/{name}"
    before = await run.stage.admin.get(path)
    value = before["data"][VARIABLE]
    sent = time.time()
    version = await damage(run, path)
    return await follower.restored(place, value, version or before["metadata"]["resourceVersion"]) - sent


async def _edit(run: Run, path: str) -> str:
    answer = await run.stage.admin.merge(path, {"data": {VARIABLE: encoded("edited by somebody")}})
    return str(msgspec.json.decode(answer)["metadata"]["resourceVersion"])


async def _delete(run: Run, path: str) -> str:
    await run.stage.admin.delete(path)
    return ""

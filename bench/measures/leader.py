"""How soon another controller leads after one was killed or asked to end, and what that costs: nothing but the time."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.kube import credentials_of, secrets_of
from bench.manifests import FIELD, VARIABLE, encoded, new_key
from bench.observed import Follower, Place, following
from bench.run import Run
from bench.stage import Stage, say
from tests.support.operator_process import OperatorProcess

_KILLS = 20
_FEW = 5
_FEW_UP_TO = 500  # credentials
_CHANGED = 10  # sources, so that there is something under way
_MOMENTS = 5  # at which the leader dies after that, 25 ms apart
_MOMENT = 0.025
_PATIENCE = 40.0


@dataclass(frozen=True, slots=True)
class FailOver:
    """One leader's end.

    Args:
        seconds: until the other led.
        delivered: until the last change that was under way had been delivered.
        repeated: keys that were shown more than once, of those that were not delivered when the other led.
        needless: the same of those that were.

    """

    seconds: float
    delivered: float
    repeated: int
    needless: int


async def leader(run: Run) -> None:
    """End the leader of two again and again, most times by SIGKILL, while some credentials change."""
    stage = run.stage
    stage.stop_operator()
    kills = _FEW if run.n <= _FEW_UP_TO else _KILLS
    with ExitStack() as stack:
        pair = Pair(stage, stack)
        async with following(stage.admin) as follower:
            await pair.begin()
            crashed = [await _fail_over(run, follower, pair, signal.SIGKILL, number) for number in range(kills)]
            ended = [await _fail_over(run, follower, pair, signal.SIGTERM, number) for number in range(_FEW)]
    await stage.start_operator()
    await stage.quiet()
    _note(run, "after_crash", crashed)
    _note(run, "after_sigterm", ended)
    run.note("leader", **await _damage(run))


class Pair:
    """Two controllers of which one leads; the one that dies is replaced, as a Deployment would."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self._stage = stage
        self._stack = stack
        self._count = 0

    async def begin(self) -> None:
        self.leading = self._start()
        await _said(self.leading, "leading")
        self.standby = self._start()
        await _said(self.standby, "ready")

    def end(self, how: signal.Signals) -> None:
        """End the leader; the standby is the leader to be, and beside it another begins."""
        os.kill(self.leading.pid, how)

    async def replace(self) -> float:
        """When (`time.time`) the standby led."""
        self.leading, self.standby = self.standby, self._start()
        led = await _said(self.leading, "leading")
        await _said(self.standby, "ready")
        return led

    def _start(self) -> OperatorProcess:
        self._count += 1
        folder: Path = self._stage.folder / f"replica-{self._count}"
        folder.mkdir()
        return self._stack.enter_context(OperatorProcess.start(self._stage.plane, folder, wait=False, election=True))


async def _fail_over(run: Run, follower: Follower, pair: Pair, how: signal.Signals, number: int) -> FailOver:
    places = run.population.places
    changed = {new_key(): places[(number * _CHANGED + index) % len(places)] for index in range(_CHANGED)}
    changes = [asyncio.create_task(_change(run, follower, place, key)) for key, place in changed.items()]
    await asyncio.sleep(_MOMENT * (1 + number % _MOMENTS))
    pair.end(how)
    ended = time.time()
    led = await pair.replace()
    done = await asyncio.gather(*changes)
    again = [len(run.stage.simulator.calls(key)) > 1 for key in changed]
    repeated = sum(twice for twice, at in zip(again, done, strict=True) if at >= led)
    needless = sum(again) - repeated
    say(f"leader: {how.name} {number + 1}: {led - ended:.2f} s, {repeated} repeated, {needless} needlessly")
    return FailOver(led - ended, max(done) - ended, repeated, needless)


async def _change(run: Run, follower: Follower, place: Place, key: str) -> float:
    """Give a credential another key; when (`time.time`) that had been delivered."""
    namespace, name = place
    await run.stage.admin.merge(f"{secrets_of(namespace)}/{name}-source", {"data": {FIELD: encoded(key)}})
    return await follower.delivered(place, key)


async def _said(operator: OperatorProcess, event: str) -> float:
    """When it logged an event."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for line in operator.lines():
            if line.get("event") == event:
                return datetime.fromisoformat(str(line["timestamp"])).timestamp()
        operator.check()
        await asyncio.sleep(0.05)
    raise TimeoutError(f"a controller was not {event} within {_PATIENCE:.0f} s")


def _note(run: Run, name: str, found: Sequence[FailOver]) -> None:
    seconds = [one.seconds for one in found]
    run.sampled(f"leader_{name}", seconds, max=round(max(seconds), 2))
    run.note(
        "leader",
        **{
            f"delivered_{name}_max_seconds": round(max(one.delivered for one in found), 2),
            f"repeated_{name}_most": max(one.repeated for one in found),
            f"repeated_{name}_needlessly": sum(one.needless for one in found),
        },
    )


async def _damage(run: Run) -> dict[str, int]:
    """Credentials whose Secret does not hold the key of their source, and such whose status is not as it should be."""
    lost = wrong = 0
    for namespace in run.stage.namespaces:
        secrets = {one["metadata"]["name"]: one for one in await _items(run, secrets_of(namespace))}
        credentials = {one["metadata"]["name"]: one for one in await _items(run, credentials_of(namespace))}
        for _, name in _of_population(run, namespace):
            secret, source = secrets.get(name, {}), secrets[f"{name}-source"]
            lost += secret.get("data", {}).get(VARIABLE) != source["data"][FIELD]
            status = credentials[name]["status"]
            conditions = {one["type"]: one["status"] for one in status["conditions"]}
            right = conditions["Ready"] == conditions["Active"] == conditions["SecretSynced"] == "True"
            current = status["target"]["resourceVersion"] == secret.get("metadata", {}).get("resourceVersion")
            wrong += not (right and current)
    return {"lost": lost, "wrong": wrong}


async def _items(run: Run, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await run.stage.admin.get(path))["items"]
    return found


def _of_population(run: Run, namespace: str) -> list[Place]:
    return [place for place in run.population.places if place[0] == namespace]

"""A changed source while many others arrive, after a restart, and while one provider hangs."""

import asyncio
import time
from collections.abc import Callable

from bench.changing import change, change_seconds
from bench.observed import Follower, Place, following, settling
from bench.run import Run
from bench.stage import patience
from tests.support.simulator.behaviour import Behaviour

_ARRIVING = 1000
_CHANGERS = 4
_LEAST = 40
_HANGING = 100
_HANGING_SAMPLES = 60
_SETTLE = 1.0
_PAUSE = 0.1


async def arrivals_latency(run: Run) -> None:
    """Change sources while up to 1,000 other credentials arrive."""
    stage = run.stage
    others = stage.population("other", min(_ARRIVING, run.n))
    await stage.create_sources(others)
    await stage.quiet()
    async with following(stage.admin) as follower, settling(stage.admin, others.places) as waiting:
        arriving = asyncio.create_task(stage.create_credentials(others))
        seconds = await _changing(run, follower, lambda: waiting.done)
        await arriving
        await waiting.finished(patience(others.count))
    run.sampled("change_latency_during_arrivals", seconds)
    await stage.remove(others)
    await stage.quiet()


async def _changing(run: Run, follower: Follower, over: Callable[[], bool]) -> list[float]:
    """Change one source after another in a few lines, until it is over."""
    seconds: list[float] = []
    places = iter(run.population.places)

    async def changer() -> None:
        for place in places:
            if over():
                return
            seconds.append(await change_seconds(run, follower, place))

    async with asyncio.TaskGroup() as group:
        for _ in range(_CHANGERS):
            group.create_task(changer())
    return seconds


async def restart_latency(run: Run) -> None:
    """Restart the operator and change sources at once, before it is ready; from the change or the readiness on, too."""
    stage = run.stage
    await stage.quiet()
    places = run.population.places
    step = max(len(places) // _LEAST, 1)
    async with following(stage.admin) as follower:
        stage.stop_operator()
        stage.launch_operator()
        changed = await asyncio.gather(
            *(_later(run, follower, place, index * 0.05) for index, place in enumerate(places[::step][:_LEAST]))
        )
        ready = await stage.operator_ready()
    # What was changed while it started cannot be delivered before it has.
    run.sampled("change_latency_during_restart", [done - sent for sent, done in changed])
    run.sampled("change_latency_after_ready", [done - max(sent, ready) for sent, done in changed])
    await stage.quiet()


async def _later(run: Run, follower: Follower, place: Place, delay: float) -> tuple[float, float]:
    await asyncio.sleep(delay)
    return await change(run, follower, place)


async def hanging_provider(run: Run) -> None:
    """Change sources of other providers while one provider answers none of 100 credentials."""
    stage = run.stage
    name, server = list(stage.providers.items())[-1]
    stuck = stage.population("stuck", _HANGING, providers=(name,))
    await stage.create_sources(stuck)
    await stage.quiet()
    others = [place for index, place in enumerate(run.population.places) if run.population.provider(index) != name]
    stage.simulator.default(server, Behaviour.HANGING)
    try:
        async with following(stage.admin) as follower:
            await stage.create_credentials(stuck)
            await asyncio.sleep(_SETTLE)  # their creation is not what is to be measured
            started = time.time()
            seconds = []
            for index in range(_HANGING_SAMPLES):
                seconds.append(await change_seconds(run, follower, others[index * 3 % len(others)]))
                await asyncio.sleep(_PAUSE)
            lasted = time.time() - started
    finally:
        stage.simulator.default(server, Behaviour.GOOD)
    run.sampled("hanging_provider_change_latency", seconds, lasted=round(lasted, 1))
    await stage.remove(stuck)
    await stage.quiet()

"""How fast many credentials become Ready, beside a bare client, and what each costs the operator."""

import time

from bench.bare import Pattern, bare_run, pattern
from bench.observed import settling
from bench.process import cpu_seconds
from bench.run import Run
from bench.samples import median
from bench.stage import Population, Stage, patience, say

_WARM_UP = 200


async def first_reconciliation(run: Run) -> None:
    """Run operator and bare client by turns; it ends with the operator running and N credentials Ready."""
    written = await _warm_up(run)
    rounds = 3 if run.n <= 1000 else 2
    bare: list[float] = []
    waiting: list[float] = []
    arriving: list[float] = []
    cpu: list[float] = []
    for number in range(1, rounds + 1):
        bare.append(await bare_run(run.stage, written, run.n))
        waiting.append(await waiting_rate(run.stage, run.population))
        await _start_again(run)
        rate, seconds = await _arriving(run)
        arriving.append(rate)
        cpu.append(seconds / run.n * 1000)
        say(
            f"first reconciliation, round {number} of {rounds}: bare client {bare[-1]:.0f}/s, "
            f"operator {waiting[-1]:.0f}/s, while they arrive {arriving[-1]:.0f}/s"
        )
        if number < rounds:
            run.stage.stop_operator()
            await run.stage.remove_all_credentials()
    run.note(
        "first_reconciliation",
        per_second=round(median(waiting), 1),
        bare_client_per_second=round(median(bare), 1),
        ratio=round(median(waiting) / median(bare), 3),
        arriving_per_second=round(median(arriving), 1),
        ratio_arriving=round(median(arriving) / median(bare), 3),
        rounds={
            "bare_client": [round(one, 1) for one in bare],
            "operator": [round(one, 1) for one in waiting],
            "arriving": [round(one, 1) for one in arriving],
        },
    )
    run.results["cpu_ms_per_reconcile"] = round(median(cpu), 2)
    say(f"cpu_ms_per_reconcile: {run.results['cpu_ms_per_reconcile']}")


async def _warm_up(run: Run) -> Pattern:
    """What is slow once is not to hit whoever comes first; and learn what the operator writes."""
    stage = run.stage
    some = Population("warm", min(_WARM_UP, run.n), stage.namespaces, tuple(stage.providers))
    await stage.start_operator()
    await stage.create_sources(some)
    await stage.settle(some)
    written = await pattern(stage, some)
    stage.stop_operator()
    await stage.remove_all_credentials()
    await bare_run(stage, written, some.count)
    await stage.create_sources(run.population)
    return written


async def waiting_rate(stage: Stage, population: Population) -> float:
    """Credentials per second when they are there before the operator; from its readiness on. It must not run before."""
    await stage.create_credentials(population)
    async with settling(stage.admin, population.places) as waiting:
        stage.launch_operator()
        done = await waiting.finished(patience(population.count))
    return population.count / (done - await stage.operator_ready())


async def _start_again(run: Run) -> None:
    run.stage.stop_operator()
    await run.stage.remove_all_credentials()
    await run.stage.start_operator()
    await run.stage.quiet()


async def _arriving(run: Run) -> tuple[float, float]:
    """Credentials per second when they come to a running operator, their creation included; its CPU seconds."""
    stage = run.stage
    async with settling(stage.admin, run.population.places) as waiting:
        before = cpu_seconds(stage.operator.pid)
        started = time.time()
        await stage.create_credentials(run.population)
        done = await waiting.finished(patience(run.n))
        return run.n / (done - started), cpu_seconds(stage.operator.pid) - before

"""What envelopes cost: the first reconciliation beside one in clear, and sealing all of them again under a new key."""

import base64
import time
from dataclasses import dataclass, replace
from typing import Any

from bench.kube import SECRETS, secrets_of
from bench.manifests import ENVELOPE
from bench.measures.first_reconciliation import waiting_rate
from bench.observed import Place, Remaining, SecretEvent
from bench.process import cpu_seconds
from bench.run import Run
from bench.samples import median
from bench.stage import Population, patience, say
from llmkeys.api.names import CREDENTIAL_LABEL, DEFAULT_NAMESPACE, ENVELOPE_SECRET
from llmkeys.api.names import ENVELOPE as ENTRY
from llmkeys.crypto.envelope import envelope_header
from llmkeys.crypto.ring import ring_data, ring_from

_RING = f"{secrets_of(DEFAULT_NAMESPACE)}/{ENVELOPE_SECRET}"


async def envelopes(run: Run) -> None:
    """In clear, with envelopes, with envelopes, in clear: what drifts hits both alike. It ends with N in clear."""
    sealed = replace(run.population, target=ENVELOPE)
    plain = [await _round(run, run.population)]
    enveloped = [await _round(run, sealed), await _round(run, sealed)]
    await _reseal(run)
    plain.append(await _round(run, run.population))
    run.note("envelopes", **_compared(plain, enveloped, run.n))
    await run.stage.quiet()


@dataclass(frozen=True, slots=True)
class _Round:
    """A first reconciliation.

    Args:
        per_second: credentials.
        cpu_seconds: of the operator from its start on.

    """

    per_second: float
    cpu_seconds: float


async def _round(run: Run, population: Population) -> _Round:
    """Reconcile credentials with nothing there from before."""
    stage = run.stage
    await stage.quiet()
    stage.stop_operator()
    await stage.remove_all_credentials()
    rate = await waiting_rate(stage, population)
    done = _Round(rate, cpu_seconds(stage.operator.pid))
    say(
        f"first reconciliation, {'envelopes' if population.target == ENVELOPE else 'in clear'}: "
        f"{done.per_second:.0f}/s, {done.cpu_seconds:.2f} s of CPU"
    )
    return done


def _compared(plain: list[_Round], enveloped: list[_Round], count: int) -> dict[str, object]:
    """Rates, which feel whatever else the machine does, and CPU time, which does so less."""
    sealed, clear = (median([one.per_second for one in rounds]) for rounds in (enveloped, plain))
    more = median([one.cpu_seconds for one in enveloped]) - median([one.cpu_seconds for one in plain])
    return {
        "per_second": round(sealed, 1),
        "per_second_plain": round(clear, 1),
        "ratio": round(sealed / clear, 3),
        "more_cpu_ms": round(more / count * 1000, 2),
        "rounds": {
            "envelopes": [round(one.per_second, 1) for one in enveloped],
            "plain": [round(one.per_second, 1) for one in plain],
        },
    }


@dataclass(frozen=True, slots=True)
class _Rotation:
    """A ring with a new active key.

    Args:
        key_id: of that key.
        body: the patch of the ring's Secret, in the version that was read.

    """

    key_id: str
    body: dict[str, Any]


class _Resealing(Remaining):
    """Waits until each of some envelopes is sealed under a key."""

    def __init__(self, places: list[Place], key_id: str) -> None:
        super().__init__(places, f"envelopes are not under the key {key_id}")
        self._key_id = key_id

    def tell(self, event: SecretEvent, at: float) -> None:
        text = (event.object.data or {}).get(ENTRY)
        if text and envelope_header(base64.b64decode(text).decode()).key_id == self._key_id:
            self.reached(event.object.metadata, at)


async def _reseal(run: Run) -> None:
    """Give the ring of envelopes a new key, as `llmkeys keys rotate envelope` does."""
    stage = run.stage
    await stage.quiet()
    requests, calls = await stage.traffic(), stage.simulator.calls_total()
    rotation = await _rotation(run)
    waiting = _Resealing(run.population.places, rotation.key_id)
    async with stage.admin.watch(SECRETS, SecretEvent, waiting.tell, selector=CREDENTIAL_LABEL):
        sent = time.time()
        await stage.admin.merge(_RING, rotation.body)
        done = await waiting.finished(patience(run.n))
    await stage.quiet()
    asked = (await stage.traffic()).since(requests)
    run.note(
        "envelopes",
        reseal_seconds=round(done - sent, 2),
        reseal_provider_calls=stage.simulator.calls_total() - calls,
        reseal_writes=asked.writes,
    )


async def _rotation(run: Run) -> _Rotation:
    found = await run.stage.admin.get(_RING)
    ring = ring_from({name: base64.b64decode(value) for name, value in found["data"].items()}, "envelope")
    rotated = ring.rotate(time.time())
    data = {name: base64.b64encode(value).decode() for name, value in ring_data(rotated).items()}
    version = found["metadata"]["resourceVersion"]
    return _Rotation(rotated.active.key_id, {"metadata": {"resourceVersion": version}, "data": data})

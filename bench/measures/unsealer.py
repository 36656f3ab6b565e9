"""How fast the unsealer opens envelopes, and how soon a pod has its variables.

The load's client runs on the same cores and takes about as much of them as the service; per second of the service's own
CPU time is what a core of its own would do.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

from bench.commands import Written, run_until_written
from bench.kube import credentials_of, secrets_of
from bench.opening import Delivery, Opening, opening
from bench.pods import pod_tokens, remove_pods
from bench.process import cpu_seconds, rss_mib
from bench.run import Run
from bench.samples import median, percentile
from bench.stage import Population
from llmkeys.api.names import DEFAULT_NAMESPACE, ENVELOPE
from tests.support.cluster_process import free_ports
from tests.support.unsealer_process import LOOPBACK, UnsealerProcess

_ACCOUNT = "bench"
_ASKING = 20  # pods
_AT_ONCE = 16
_FAST_SECONDS = 5.0
_STEADY_SECONDS = 10.0
_STEADY_PER_SECOND = 100.0
_WARM_UP_SECONDS = 1.0
_RUNS = 10
_PODS = _ASKING + 1 + _RUNS
_NO_LIMIT = 1_000_000


async def unsealer(run: Run) -> None:
    """Load the service with requests of 20 pods, then run the pods' own command with a pod that is new each time."""
    stage = run.stage
    address = f"{LOOPBACK}:{free_ports(1)[0]}"
    one = stage.population("opened", 1, target={"serviceAccounts": [_ACCOUNT]})
    namespace, _ = one.place(0)
    await stage.quiet()
    stage.stop_operator()
    await stage.start_operator(f"--unsealer=https://{address}")
    await stage.create_sources(one)
    await stage.settle(one)
    delivery = await _delivery(run, one)
    tokens = await pod_tokens(stage.admin, namespace, _ACCOUNT, _PODS)
    with _service(run, address, delivery) as service:
        await _load(run, service, delivery, tokens[:_ASKING])
        _unseal(run, delivery, tokens[_ASKING:])
    await remove_pods(stage.admin, namespace, _ACCOUNT, _PODS)
    await stage.remove(one)
    stage.stop_operator()
    await stage.start_operator()
    await stage.quiet()


async def _delivery(run: Run, one: Population) -> Delivery:
    namespace, name = one.place(0)
    secret = await run.stage.admin.get(f"{secrets_of(namespace)}/{name}")
    credential = await run.stage.admin.get(f"{credentials_of(namespace)}/{name}")
    told = credential["status"]["unsealer"]
    envelope = base64.b64decode(secret["data"][ENVELOPE]).decode()
    return Delivery(name, envelope, told["address"], told["caBundle"])


def _service(run: Run, address: str, delivery: Delivery) -> UnsealerProcess:
    """An unsealer whose limits, which are for each client, do not hold the bench back."""
    arguments = [f"--listen={address}", f"--address-rate={_NO_LIMIT}", f"--account-rate={_NO_LIMIT}"]
    trust = delivery.trust()
    return UnsealerProcess.start(run.stage.plane, run.stage.folder, DEFAULT_NAMESPACE, trust, arguments)


async def _load(run: Run, service: UnsealerProcess, delivery: Delivery, tokens: Sequence[str]) -> None:
    run.note("unsealer", rss_idle_mib=round(rss_mib(service.pid), 1))
    async with opening(delivery, tokens) as client:
        new = [await client.open() for _ in tokens]
        await client.as_fast_as_possible(_WARM_UP_SECONDS, _AT_ONCE)
        await _fast(run, service, client)
        seconds = await client.steadily(_STEADY_PER_SECOND, _STEADY_SECONDS)
    run.plotted("unsealer_open", seconds)
    run.note(
        "unsealer",
        p50_seconds=round(percentile(seconds, 50), 4),
        p99_seconds=round(percentile(seconds, 99), 4),
        new_pod_p50_seconds=round(percentile(new, 50), 4),
        rss_mib=round(rss_mib(service.pid), 1),
    )


async def _fast(run: Run, service: UnsealerProcess, client: Opening) -> None:
    before = cpu_seconds(service.pid)
    rate = await client.as_fast_as_possible(_FAST_SECONDS, _AT_ONCE)
    share = (cpu_seconds(service.pid) - before) / _FAST_SECONDS
    run.note(
        "unsealer",
        opens_per_second=round(rate, 1),
        opens_per_cpu_second=round(rate / share, 1),
        core_share=round(share, 2),
    )


def _unseal(run: Run, delivery: Delivery, tokens: Sequence[str]) -> None:
    """The first run compiles what was never imported, and is not counted."""
    runs = [_one_unseal(run.stage.folder, delivery, token) for token in tokens][1:]
    seconds = [one.seconds for one in runs]
    run.plotted("unseal_command", seconds)
    run.note(
        "unseal",
        seconds_p50=round(median(seconds), 3),
        seconds_max=round(max(seconds), 3),
        ended_seconds_p50=round(median([one.ended_seconds for one in runs]), 3),
        rss_mib=round(max(one.peak_mib for one in runs), 1),
    )


def _one_unseal(folder: Path, delivery: Delivery, token: str) -> Written:
    out, envelope, token_file = folder / "opened.env", folder / "envelope", folder / "token"
    out.unlink(missing_ok=True)
    envelope.write_text(delivery.envelope, encoding="utf-8")
    token_file.write_text(token, encoding="utf-8")
    variables = {
        "LLMKEYS_CREDENTIAL": delivery.credential,
        "LLMKEYS_UNSEALER": delivery.unsealer,
        "LLMKEYS_CA": delivery.authorities,
    }
    mounted = (f"--token={token_file}", f"--envelope={envelope}", "--deadline=10s")
    return run_until_written(["unseal", f"--out={out}", *mounted], variables, out)

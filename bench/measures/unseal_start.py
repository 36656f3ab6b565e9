"""How soon an injected pod has its credentials: `llmkeys unseal --all` from its start until the last file is written.

A real unsealer answers, and each run is a pod that it has not seen. Nothing of an operator is needed: the envelopes are
made here, so that what is timed is the command and the service alone.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.commands import Written, run_until_written
from bench.run import Run
from bench.samples import median, percentile
from tests.support.unsealer_process import UnsealerProcess
from tests.support.unsealer_scene import Credential, UnsealerScene, unsealer_scene

_RUNS = 20
_MANY = 10  # credentials
_WARM_UP = 2


async def unseal_start(run: Run) -> None:
    """Time it with one credential, then with ten."""
    plane, folder = run.stage.plane, run.stage.folder
    tenant = plane.new_namespace("unseal-start")
    with (
        unsealer_scene(plane) as scene,
        UnsealerProcess.start(plane, folder, scene.home, scene.trust()) as service,
    ):
        variables = _variables(scene, service)
        credentials = [scene.credential(tenant) for _ in range(_MANY)]
        _note(run, "one", [_unseal(scene, tenant, folder, variables, credentials[:1]) for _ in range(_RUNS)])
        _note(run, "ten", [_unseal(scene, tenant, folder, variables, credentials) for _ in range(_RUNS)])
    plane.delete_namespace(tenant)


def _note(run: Run, name: str, runs: Sequence[Written]) -> None:
    """The first runs compile what was never imported, and are not counted."""
    counted = runs[_WARM_UP:]
    seconds = [one.seconds for one in counted]
    run.plotted(f"unseal_start_{name}", seconds)
    run.note(
        f"unseal_start_{name}",
        seconds_p50=round(median(seconds), 3),
        seconds_p95=round(percentile(seconds, 95), 3),
        seconds_max=round(max(seconds), 3),
        ended_seconds_p50=round(median([one.ended_seconds for one in counted]), 3),
        rss_mib=round(max(one.peak_mib for one in counted), 1),
    )


def _unseal(
    scene: UnsealerScene, tenant: str, folder: Path, variables: Mapping[str, str], credentials: Sequence[Credential]
) -> Written:
    out, sealed = folder / "opened", folder / "sealed"
    for old in (out, sealed):
        shutil.rmtree(old, ignore_errors=True)
    (sealed / "envelopes").mkdir(parents=True)
    (sealed / "token").write_text(scene.token(scene.pod(tenant)), encoding="utf-8")
    for one in credentials:
        (sealed / "envelopes" / one.name).write_text(scene.envelope(one), encoding="utf-8")
    names = [one.name for one in credentials]
    arguments = ["unseal", "--all", f"--out={out}", f"--sealed={sealed}", f"--require={','.join(names)}"]
    return run_until_written(arguments, variables, out / f"{names[-1]}.env", [_console_script()])


def _variables(scene: UnsealerScene, service: UnsealerProcess) -> dict[str, str]:
    authorities = scene.authority.cert_pem.bytes().decode()
    return {"LLMKEYS_UNSEALER": f"https://127.0.0.1:{service.port()}", "LLMKEYS_CA": authorities}


def _console_script() -> str:
    return os.fspath(Path(sys.executable).with_name("llmkeys"))

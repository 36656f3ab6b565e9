"""`make demo`: the product's main job end to end on a real API server; the providers alone are simulated.

`python -m tests.support.demo [--keep]`, and `python -m tests.support.demo down` for one that was kept.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support import demo_bootstrap, demo_keep, demo_steps
from tests.support.cluster import ControlPlane, kubectl_program
from tests.support.cluster_install import ROOT, install
from tests.support.cluster_process import free_ports, start_time
from tests.support.demo_manifests import render_folder, values_of
from tests.support.demo_print import elapsed, say, shell, shown, step
from tests.support.demo_scenes import DOWN, KEYS, NAMESPACE, TYPES
from tests.support.demo_sealing import seal_all
from tests.support.demo_workload import run_workload
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.remote import RemoteSimulator
from tests.support.unsealer_process import UnsealerProcess

FOLDER: Final = ROOT / ".demo"
_MANIFESTS: Final = FOLDER / "manifests"
_NOTE: Final = FOLDER / "demo.json"
_LOG: Final = FOLDER / "demo.log"
_LATENCY: Final = 50  # milliseconds that a simulated provider takes to answer
_KEY_VARIABLE: Final = "OPENAI_API_KEY"


class BusyError(RuntimeError):
    """Another demo runs in this folder."""


@dataclass(frozen=True)
class Stage:
    """What the demo plays on; `pids` names every process that was started for it, `values` fills the templates in."""

    stack: contextlib.ExitStack
    pids: dict[str, int]
    values: dict[str, str]

    def set_up(self) -> ControlPlane:
        """Start everything, the operator last."""
        step("A Kubernetes control plane")
        plane = self.stack.enter_context(ControlPlane.start(lambda line: say(f"  {line}")))
        self.pids.update(plane.pids)
        if not plane.owned:
            self.stack.callback(_remove, plane)
        say(f"  Kubernetes {plane.version()}")

        step("CRDs, roles and policies")
        shell("kubectl apply --server-side -f crds/ && kubectl apply --server-side -k config/")
        install(plane)
        say("  installed")

        step(f"Simulated providers, {_LATENCY} ms to an answer")
        self._simulate()

        step("A template for the one-time bootstrap, handed over before the operator has ever run")
        demo_bootstrap.hand_over(plane, self.values)

        step("The operator and the unsealer, each with the rights of its own ServiceAccount")
        address = f"127.0.0.1:{free_ports(1)[0]}"
        shell(f"llmkeys controller --unsealer https://{address}")
        operator = self.stack.enter_context(OperatorProcess.start(plane, FOLDER, [f"--unsealer=https://{address}"]))
        self.pids["operator"] = operator.pid
        say(f"  ready; its log is {shown(operator.log)}")
        shell(f"llmkeys unsealer --listen {address}")
        trust = ssl.create_default_context()
        unsealer = UnsealerProcess.start(plane, FOLDER, DEFAULT_NAMESPACE, trust, [f"--listen={address}"])
        self.stack.enter_context(unsealer)
        self.pids["unsealer"] = unsealer.pid
        say(f"  ready; its log is {shown(unsealer.log)}")
        return plane

    def _simulate(self) -> None:
        simulator = self.stack.enter_context(RemoteSimulator.spawn(TYPES, latency=_LATENCY))
        self.pids["simulator"] = simulator.pid or 0
        simulator.set_many(dict(KEYS.values()))
        self.values.update(values_of(simulator))
        simulator.down(DOWN)
        render_folder(self.values, _MANIFESTS, pattern="0*.yaml")
        say(f"  {', '.join(TYPES)}; {DOWN} is down")

    def left(self) -> list[str]:
        """Name the processes that still run."""
        return [f"{name} ({pid})" for name, pid in self.pids.items() if start_time(pid) is not None]


def run(*, hold: bool, key: str | None) -> int:
    """Show everything and return 0 if every credential was as it should be.

    Args:
        hold: leave it running until SIGTERM.
        key: a real key to prove as well.

    Raises:
        BusyError: there is a demo in this folder already.

    """
    with _alone(), contextlib.ExitStack() as stack:
        stage = Stage(stack, {}, {})
        stack.callback(_say_what_is_left, stage)
        with _cleaning_up(stack):
            plane = stage.set_up()
            status = _show(stage, plane, key)
            if hold:
                _hold(plane, status)
    say()
    say(f"All was as it should be, in {elapsed():.0f} s." if status == 0 else "NOT all was as it should be.")
    return status


def _show(stage: Stage, plane: ControlPlane, key: str | None) -> int:
    step("What the bootstrap has made")
    demo_bootstrap.show(plane)

    step("The keys are sealed, offline but for the operator's public key")
    stage.values.update(seal_all(plane.kubeconfig, _MANIFESTS / "02-providers.yaml", FOLDER / "config"))
    render_folder(stage.values, _MANIFESTS)
    say(f"  examples/demo/ is filled in: {shown(_MANIFESTS)}/")

    step("Providers and credentials are applied")
    demo_steps.apply(plane, _MANIFESTS)
    if key:
        demo_steps.apply_real_key(plane, key)

    step("Every credential comes to its state")
    found = demo_steps.settle(plane)

    step("What a person sees")
    demo_steps.table(plane)
    say()
    good = demo_steps.compare(found)
    if key:
        demo_steps.report_real_key(plane)

    step("What a workload gets: the Secret good, an envelope")
    demo_steps.show_secret(plane)
    run_workload(plane)

    step("The revoked key is replaced by a good one")
    demo_steps.replace_key(plane, _MANIFESTS / "replacement" / "revoked.yaml")
    say()
    shell(f"kubectl get llmcredential revoked -n {NAMESPACE}")
    say(plane.kubectl("get", "llmcredential", "revoked", "-n", NAMESPACE).stdout.rstrip())
    return 0 if good else 1


def _hold(plane: ControlPlane, status: int) -> None:
    step("Left running; stop it with `make demo-down`. To look around:")
    say(f"export KUBECONFIG={shlex.quote(str(plane.kubeconfig))}")
    if shutil.which("kubectl") is None:
        say(f"export PATH=$PATH:{shlex.quote(str(Path(kubectl_program()).parent))}")
    for command in ("get llm -A -o wide", f"describe llmc failover -n {NAMESPACE}", f"get events -n {NAMESPACE}"):
        say(f"kubectl {command}")
    demo_keep.note(_NOTE, plane.kubeconfig, status)
    while True:
        signal.pause()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder, emptied of an earlier run's files; the kernel lets go of it if we die."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "A demo runs already in this folder; one that was kept is ended by `make demo-down`."
            ) from None
        shutil.rmtree(_MANIFESTS, ignore_errors=True)
        shutil.rmtree(FOLDER / "config", ignore_errors=True)
        for name in ("operator.log", "unsealer.log", "demo.json"):
            (FOLDER / name).unlink(missing_ok=True)
        yield


@contextlib.contextmanager
def _cleaning_up(stack: contextlib.ExitStack) -> Iterator[None]:
    """Undo everything on the way out, whatever the way, and let no signal interrupt that."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        step("Everything is stopped")
        stack.close()


def _say_what_is_left(stage: Stage) -> None:
    left = stage.left()
    names = ", ".join(stage.pids) or "nothing had been started"
    say(f"  STILL RUNNING: {', '.join(left)}" if left else f"  {names}: ended, no process is left")


def _remove(plane: ControlPlane) -> None:
    """Take our objects off a cluster that stays; the CRDs and roles remain."""
    manifests = [_MANIFESTS / name for name in ("01-namespace.yaml", "02-providers.yaml")]
    plane.kubectl("delete", "--ignore-not-found", "--wait=false", *(f"--filename={file}" for file in manifests))
    plane.kubectl("delete", "--ignore-not-found", "llmprovider", demo_steps.REAL_PROVIDER)
    demo_bootstrap.remove(plane)
    say(f"  namespace {NAMESPACE} and the LLMProviders demo-* are removed; CRDs and roles stay")


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


def main(arguments: list[str]) -> int:
    # Out of the environment at once: no other program is to inherit it.
    key = os.environ.pop(_KEY_VARIABLE, "").strip() or None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    match arguments:
        case []:
            return run(hold=False, key=key)
        case ["--keep"]:
            if demo_keep.read(_NOTE):
                raise BusyError("A demo is running already; end it by `make demo-down`.")
            FOLDER.mkdir(exist_ok=True)
            return demo_keep.start_detached(_LOG, _NOTE, key)
        case ["hold"]:
            return run(hold=True, key=sys.stdin.read() or None)
        case ["down"]:
            return demo_keep.down(_NOTE)
        case _:
            print("usage: python -m tests.support.demo [--keep | down]", file=sys.stderr)
            return 2


def _explained(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except (RuntimeError, TimeoutError, AssertionError) as error:
        print(error, file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{Path(error.cmd[0]).name} failed: {(error.stderr or '').strip()}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(_explained(sys.argv[1:]))

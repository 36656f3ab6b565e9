"""How the operator ends."""

import os
import signal
from pathlib import Path

from tests.support.cluster import ControlPlane
from tests.support.operator_process import OperatorProcess
from tests.support.wait import eventually


def test_it_ends_at_once_when_it_is_asked_to_and_has_nothing_to_do(installed: ControlPlane, tmp_path: Path) -> None:
    with OperatorProcess.start(installed, tmp_path) as operator:
        os.kill(operator.pid, signal.SIGTERM)
        # Whoever takes over waits for it: kopf gives tasks that it believes forgotten five seconds.
        eventually(lambda: not operator.running, timeout=4, message="the operator's end")
        assert operator.lines()[-1]["event"] == "stopped"

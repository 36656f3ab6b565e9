"""Our commands as processes of their own, with nothing of the tests' environment."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "operator"


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONWARNINGS": "error", **more}


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "llmkeys", *arguments]
    return subprocess.run(  # noqa: S603  our own command
        command, capture_output=True, text=True, check=False, timeout=60, env=environment(**more)
    )


@contextmanager
def running(*arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "llmkeys", *arguments]
    with subprocess.Popen(command, env=environment(**more), stderr=subprocess.PIPE) as process:  # noqa: S603  our own command
        try:
            yield process
        finally:
            process.kill()


def modules_after(code: str, **more: str) -> set[str]:
    """What a fresh interpreter has imported once the code has run."""
    script = (
        f"import sys, json\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, capture_output=True, check=True, env=environment(**more))  # noqa: S603  our own script
    return set(json.loads(done.stdout.splitlines()[-1]))

"""Beginning anew in the same process."""

import os
import subprocess
import sys

import click
import pytest

from llmkeys.cli.controller_anew import begin_anew
from llmkeys.kube.lease import LeaseLostError

LOST = LeaseLostError("llmkeys-system/llmkeys-controller", "it was deleted")
# Says who it is and how it was called; the second time it is content.
TWICE = """
import os, sys
from llmkeys.cli.controller_anew import begin_anew
from llmkeys.kube.lease import LeaseLostError
print(os.getpid(), sys.argv[1:], sys.flags.safe_path, sys.executable)
if "AGAIN" not in os.environ:
    os.environ["AGAIN"] = "yes"
    begin_anew(LeaseLostError("a/b", "it was deleted"))
"""


def test_it_is_the_same_process_with_the_same_command_line_and_tells_what_it_said_before() -> None:
    command = [sys.executable, "-P", "-c", TWICE, "controller", "--namespace=keys"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environ.pop("AGAIN", None)

    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603

    first, second = done.stdout.splitlines()
    assert first == second
    assert "['controller', '--namespace=keys'] True" in first


def test_where_it_cannot_it_ends_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Deployment starts it again then."""
    monkeypatch.setattr(sys, "executable", "")

    with pytest.raises(click.ClickException, match=r"was lost: it was deleted.*Start it again"):
        begin_anew(LOST)

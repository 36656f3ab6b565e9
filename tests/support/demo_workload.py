"""A workload of the demo: a pod's token, the envelope from its Secret, and `llmkeys exec`."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from llmkeys.api.names import TOKEN_AUDIENCE
from tests.support.cluster import ControlPlane
from tests.support.demo_print import say, shell
from tests.support.demo_scenes import NAMESPACE, SHOWN

ACCOUNT: Final = "chat"
_POD: Final = "chat-1"
_SHOW: Final = 'echo "OPENAI_BASE_URL is $OPENAI_BASE_URL; OPENAI_API_KEY has ${#OPENAI_API_KEY} characters"'


def run_workload(plane: ControlPlane) -> None:
    """Do what a pod does; there is no node here, so that a process plays its container.

    Raises:
        RuntimeError: the envelope was not opened.

    """
    token = _token(plane)
    status = _get(plane, "llmcredential", SHOWN)["status"]
    envelope = base64.b64decode(_get(plane, "secret", SHOWN)["data"]["envelope"])
    with tempfile.TemporaryDirectory(prefix="llmkeys-demo-") as name:
        folder = Path(name)
        for file, content in (("envelope", envelope), ("token", token.encode())):
            (folder / file).write_bytes(content)
        environment = {
            **{one: os.environ[one] for one in ("PATH", "HOME", "LANG", "PYTHONPATH") if one in os.environ},
            "LLMKEYS_CREDENTIAL": SHOWN,
            "LLMKEYS_UNSEALER": status["unsealer"]["address"],
            "LLMKEYS_CA": status["unsealer"]["caBundle"],
        }
        say(f"  in pod {_POD} of the service account {ACCOUNT}, which spec.target.serviceAccounts names:")
        shell(f"llmkeys exec -- sh -c '{_SHOW}'")
        files = [f"--envelope={folder / 'envelope'}", f"--token={folder / 'token'}"]
        command = [sys.executable, "-P", "-m", "llmkeys", "exec", *files, "--", "sh", "-c", _SHOW]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"llmkeys exec failed:\n{done.stderr.strip()}")
    say(f"  {done.stdout.strip()}")


def _token(plane: ControlPlane) -> str:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}}
    containers = [{"name": "chat", "image": "chat"}]
    spec = {"serviceAccountName": ACCOUNT, "containers": containers, "automountServiceAccountToken": False}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _POD, "namespace": NAMESPACE}, "spec": spec}
    for one in (account, pod):
        plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(one))
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={_POD}")
    return plane.kubectl(
        "create", "token", ACCOUNT, "-n", NAMESPACE, f"--audience={TOKEN_AUDIENCE}", *bound
    ).stdout.strip()


def _get(plane: ControlPlane, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plane.kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json").stdout)
    return found

"""The demo's bootstrap: a template and the values of its variables, handed over before the operator has ever run."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from llmkeys.api.names import BOOTSTRAP_LABEL, BOOTSTRAP_SECRET, DEFAULT_NAMESPACE
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.demo_manifests import TEMPLATES
from tests.support.demo_print import say, shell, shown
from tests.support.demo_scenes import KEYS
from tests.support.wait import eventually

TEMPLATE: Final = TEMPLATES / "bootstrap.yaml.template"
_COMPONENT: Final = ROOT / "config" / "components" / "bootstrap"
_VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)\}")
_PATIENCE: Final = 60.0
_RECORDS: Final = tuple(f"{BOOTSTRAP_SECRET}-{record}-1" for record in ("plan", "notes", "receipt"))


def variables() -> set[str]:
    """The names of the template's variables."""
    return set(_VARIABLE.findall(TEMPLATE.read_text(encoding="utf-8")))


def hand_over(plane: ControlPlane, values: Mapping[str, str]) -> None:
    """Make the input Secret, and give the operator the rights that a bootstrap needs.

    Args:
        plane: where no operator has run yet.
        values: addresses and the CA of the simulated providers.

    """
    known = {**values, **{name: key for name, (key, _) in KEYS.items()}}
    data = {"bootstrap.yaml": TEMPLATE.read_text(encoding="utf-8"), **{name: known[name] for name in variables()}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": BOOTSTRAP_SECRET, "namespace": DEFAULT_NAMESPACE},
        "stringData": data,
    }
    shell(f"kubectl apply --server-side -k {shown(_COMPONENT)}")
    plane.kubectl("apply", "--server-side", "-k", _COMPONENT)
    shell(f"kubectl create secret generic {BOOTSTRAP_SECRET} -n {DEFAULT_NAMESPACE} --from-file=bootstrap.yaml=… …")
    plane.kubectl("create", "-f", "-", input=json.dumps(secret))
    say(f"  {shown(TEMPLATE)}, and its variables: {', '.join(sorted(variables()))}")


def show(plane: ControlPlane) -> None:
    """Wait for the receipt, tell the story, and take the plaintext away."""
    query = ("get", "configmap", _RECORDS[-1], "-n", DEFAULT_NAMESPACE, "--ignore-not-found", "-o", "name")

    def receipt() -> str:
        return plane.kubectl(*query).stdout.strip()

    with contextlib.suppress(AssertionError):  # if there is none by then, `status` says what is missing
        eventually(receipt, timeout=_PATIENCE, every=0.2)
    for command in ("status", "forget"):
        shell(f"llmkeys bootstrap {command}")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "llmkeys", "bootstrap", command],
            env={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stdout + done.stderr).splitlines():
            say(f"  {line}")
        if done.returncode != 0:
            raise RuntimeError(f"llmkeys bootstrap {command} failed ({done.returncode})")


def remove(plane: ControlPlane) -> None:
    """Take what a bootstrap left off a cluster that stays, so that the next demo has one of its own."""
    plane.kubectl("delete", "--ignore-not-found", "--wait=false", "llmproviders", "-l", f"{BOOTSTRAP_LABEL}=1")
    plane.kubectl("delete", "--ignore-not-found", "secret", BOOTSTRAP_SECRET, "-n", DEFAULT_NAMESPACE)
    plane.kubectl("delete", "--ignore-not-found", "configmap", *_RECORDS, "-n", DEFAULT_NAMESPACE)

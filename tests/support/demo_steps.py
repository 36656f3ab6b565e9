"""The steps of the demo on a cluster that is there: apply, wait, compare, show, replace a key."""

import base64
import json
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.cluster import ControlPlane
from tests.support.demo_print import say, shell, shown
from tests.support.demo_scenes import NAMESPACE, REPLACED, SCENES, SHOWN, Scene, shown_conditions
from tests.support.demo_watch import Watch

_APPLY = ("apply", "--server-side")
_PATIENCE = 60.0  # seconds until a credential counts as wrong; a refusal alone is confirmed for 5
_REAL = "real-openai"
_UNDECIDED = frozenset({"Checking", "Confirming"})
REAL_PROVIDER = "demo-real-openai"

Credentials = dict[str, dict[str, Any]]


def apply(plane: ControlPlane, path: Path) -> None:
    """Apply manifests and show the command as a person would have typed it."""
    shell(f"kubectl apply --server-side -f {shown(path)}")
    for line in plane.kubectl(*_APPLY, "-f", path).stdout.splitlines():
        say(f"  {line}")


def apply_real_key(plane: ControlPlane, key: str) -> None:
    """Make a credential of a real key. The key goes in by standard input: no argument, no file, no annotation."""
    meta = {"name": _REAL, "namespace": NAMESPACE}
    labels = {"llmkeys.dev/source": "true"}
    group = "llmkeys.dev/v1alpha1"
    items = [
        {"apiVersion": group, "kind": "LLMProvider", "metadata": {"name": REAL_PROVIDER}, "spec": {"type": "openai"}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**meta, "name": f"{_REAL}-key", "labels": labels},
            "data": {"OPENAI_API_KEY": base64.b64encode(key.encode()).decode()},
        },
        {
            "apiVersion": group,
            "kind": "LLMCredential",
            "metadata": meta,
            "spec": {
                "providerRef": {"name": REAL_PROVIDER},
                "keys": [{"name": "primary", "secretRef": {"name": f"{_REAL}-key"}}],
                "target": {"encryption": "None"},
            },
        },
    ]
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    try:
        plane.kubectl("create", "-f", "-", input=content)
    except subprocess.CalledProcessError as error:
        # kubectl may quote what it was given.
        raise RuntimeError(f"kubectl could not create the credential of OPENAI_API_KEY ({error.returncode})") from None
    say("  the key in OPENAI_API_KEY: credential real-openai, asked of the real provider")


def settle(plane: ControlPlane) -> Credentials:
    """Wait until every scene is as it should be, or the time is up, and return the credentials as they are then."""
    started = time.monotonic()
    waiting = list(SCENES)
    while True:
        found = _credentials(plane)
        for scene in [one for one in waiting if not one.differences(found.get(one.credential))]:
            waiting.remove(scene)
            say(f"  {time.monotonic() - started:5.1f} s  {scene.credential:<15} {scene.story}")
        if not waiting or time.monotonic() - started > _PATIENCE:
            _await_counts(plane, found)
            return _credentials(plane)
        time.sleep(0.2)


def _await_counts(plane: ControlPlane, found: Credentials) -> None:
    """Give the providers' counts, which are gathered for a second, the time to follow; the table shows them."""
    wanted = Counter(
        one["spec"]["providerRef"]["name"]
        for one in found.values()
        if shown_conditions(one).get("Active", "").startswith("True/")
    )
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        listed = json.loads(plane.kubectl("get", "llmproviders", "-o", "json").stdout)["items"]
        counts = {one["metadata"]["name"]: one.get("status", {}).get("credentials", {}).get("active") for one in listed}
        if all(counts.get(name) == number for name, number in wanted.items()):
            return
        time.sleep(0.2)


def table(plane: ControlPlane) -> None:
    shell("kubectl get llmproviders,llmcredentials -A")
    say(plane.kubectl("get", "llmproviders,llmcredentials", "-A").stdout.rstrip())


def compare(found: Mapping[str, dict[str, Any]]) -> bool:
    """Say of each credential whether it is as it should be."""
    agreed = [_compare(scene, found.get(scene.credential)) for scene in SCENES]
    return all(agreed)


def _compare(scene: Scene, found: Mapping[str, Any] | None) -> bool:
    wrong = scene.differences(found)
    if not wrong:
        say(f"  ok     {scene.credential:<15} {scene.summary()}")
        return True
    say(f"  WRONG  {scene.credential:<15} {'; '.join(wrong)}")
    if message := ready_message(found):
        say(f"         {'':<15} it says: {message}")
    return False


def report_real_key(plane: ControlPlane) -> None:
    """Say what came out of the key of the environment; whatever it is, it is no fault of the demo."""
    say()
    deadline = time.monotonic() + 15
    while True:
        found = _credentials(plane).get(_REAL)
        status, _, reason = (
            shown_conditions(found).get("Ready", "Unknown/Checking") if found else "Unknown/Checking"
        ).partition("/")
        if reason not in _UNDECIDED or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    say(f"  your OPENAI_API_KEY, at the real provider: Ready={status}/{reason}")
    say(f"  {ready_message(found)}")


def ready_message(found: Mapping[str, Any] | None) -> str:
    conditions = found.get("status", {}).get("conditions", ()) if found else ()
    return next((str(one["message"]) for one in conditions if one["type"] == "Ready"), "")


def show_secret(plane: ControlPlane, name: str = SHOWN) -> None:
    """Print the names in a generated Secret and the lengths of their values."""
    data = json.loads(plane.kubectl("get", "secret", name, "-n", NAMESPACE, "-o", "json").stdout)["data"]
    for variable, value in sorted(data.items()):
        say(f"  {variable:<20} {len(base64.b64decode(value))} characters")


def replace_key(plane: ControlPlane, manifest: Path) -> None:
    """Put a good key, sealed, in the place of the revoked one and say how long the cluster took to follow.

    Raises:
        TimeoutError: it did not.

    """
    secrets = ("secrets", "-n", NAMESPACE, "-o", 'jsonpath={.metadata.name} {.metadata.resourceVersion}{"\\n"}')
    path = '{.status.conditions[?(@.type=="Active")].status}/{.status.conditions[?(@.type=="Active")].reason}{"\\n"}'
    credential = ("llmcredentials", REPLACED, "-n", NAMESPACE, "-o", f"jsonpath={{.metadata.generation}} {path}")
    with Watch(plane, *secrets) as secret, Watch(plane, *credential) as status:
        status.when(bool)
        apply(plane, manifest)
        changed = status.when(lambda line: line.startswith("2 "))
        written = secret.when(lambda line: line.startswith(f"{REPLACED} "))
        active = status.when(lambda line: line == "2 True/Verified")
    say()
    say("       0 ms  LLMCredential revoked holds the new key, sealed")
    for moment, text in sorted(((written, "Secret revoked is written"), (active, "LLMCredential revoked is Active"))):
        say(f"  {(moment - changed) * 1000:6.0f} ms  {text}")


def _credentials(plane: ControlPlane) -> Credentials:
    found = json.loads(plane.kubectl("get", "llmcredentials", "-n", NAMESPACE, "-o", "json").stdout)
    return {one["metadata"]["name"]: one for one in found["items"]}

"""Pods that ask for credentials, credentials with a status, and what is found in a pod afterwards."""

from dataclasses import dataclass
from typing import Any, Final

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND

Object = dict[str, Any]

LABELLED: Final = {"llmkeys.dev/inject": "true"}
CREDENTIALS: Final = "llmkeys.dev/credentials"
MOUNT: Final = "llmkeys.dev/mount"
FOLLOW: Final = "llmkeys.dev/follow"
INJECTED: Final = "llmkeys.dev/injected"
ADDRESS: Final = "https://llmkeys-unsealer.llmkeys-system.svc"
CA: Final = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
FILES: Final = "/var/run/llmkeys/files"
RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def credential(name: str, **spec: Any) -> Object:
    """An LLMCredential that nobody reconciles: its provider is not there."""
    metadata = {"name": name}
    return {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "metadata": metadata,
        "spec": {"providerRef": {"name": "nobody"}, **spec},
    }


def condition(kind: str, status: str, reason: str, message: str = "") -> Object:
    since = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def conditions(synced: str = "Synced", *, stalled: bool = False, message: str = "") -> list[Object]:
    """Those that matter to a pod.

    Args:
        synced: the reason of SecretSynced, which is True for `Synced` alone.
        stalled: whether a person must act.
        message: of Ready.

    """
    ready = "True" if synced == "Synced" and not stalled else "False"
    return [
        condition("Ready", ready, "Verified", message),
        condition("SecretSynced", "True" if synced == "Synced" else "False", synced),
        condition("Stalled", str(stalled), "Verified"),
    ]


def status(name: str, *env: str, **more: Any) -> Object:
    """What the controller publishes of a credential that is delivered in an envelope; None leaves a field out."""
    found = {
        "observedGeneration": 1,
        "secretName": f"{name}-secret",
        "encryption": "Envelope",
        "env": list(env) or None,
        "unsealer": {"address": ADDRESS, "caBundle": CA},
        "conditions": conditions(),
        **more,
    }
    return {field: value for field, value in found.items() if value is not None}


def container(name: str = "chat", **more: Any) -> Object:
    return {"name": name, "image": name, **more}


def pod(asked: str | None = None, notes: Object | None = None, /, *, name: str = "p", **spec: Any) -> Object:
    """A pod with the label.

    Args:
        asked: the annotation that names credentials.
        notes: further annotations.
        name: of the pod.
        **spec: of the pod; one container unless it says others.

    """
    annotations = {**({} if asked is None else {CREDENTIALS: asked}), **(notes or {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELLED, **({"annotations": annotations} if annotations else {})},
        "spec": {"containers": [container()], **spec},
    }


def workload(kind: str, asked: str, *, name: str = "late") -> Object:
    """A workload whose pods name credentials."""
    labels = LABELLED | {"app": name}
    template: Object = {"metadata": {"labels": labels, "annotations": {CREDENTIALS: asked}}, "spec": pod()["spec"]}
    spec: Object = {"template": template}
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": name}}
    if kind == "StatefulSet":
        spec["serviceName"] = name
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
    version = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True)
class Pod:
    """A pod as the API server made it."""

    body: Object

    @property
    def spec(self) -> Object:
        found: Object = self.body["spec"]
        return found

    @property
    def injected(self) -> str:
        """What it is noted to have been given."""
        return str(self.body["metadata"].get("annotations", {}).get(INJECTED, ""))

    @property
    def opener(self) -> Object:
        """Our init container, which is the first."""
        first: Object = self.spec["initContainers"][0]
        assert first["name"] == "llmkeys"
        return first

    def container(self, name: str = "chat") -> Object:
        """Of either list."""
        both = [*self.spec["containers"], *self.spec.get("initContainers", [])]
        (found,) = [one for one in both if one["name"] == name]
        return dict(found)

    def variables(self, name: str = "chat") -> dict[str, str]:
        """Where a container's variables come from, in their order: `file:PATH`, `secret:NAME`, or the value.

        A question mark behind it says that the container starts without it, too.
        """
        entries = self.container(name).get("env", [])
        assert len({one["name"] for one in entries}) == len(entries), "a variable is set twice"
        return {one["name"]: _origin(one) for one in entries}

    def volume(self, name: str) -> Object | None:
        return next((one for one in self.spec["volumes"] if one["name"] == name), None)

    def sealed(self) -> dict[str, str]:
        """The envelopes that the init container finds, by path, and their Secrets, with `?` if they may be missing."""
        volume = self.volume("llmkeys-sealed")
        sources = volume["projected"]["sources"] if volume else []
        return {
            item["path"]: f"{one['secret']['name']}{'?' if one['secret'].get('optional') else ''}"
            for one in sources
            if "secret" in one
            for item in one["secret"]["items"]
        }

    def mounts(self, name: str = "chat") -> dict[str, str]:
        """The folders of a container and their volumes, but for the account's token."""
        mounts = self.container(name).get("volumeMounts", [])
        return {one["mountPath"]: one["name"] for one in mounts if not one["name"].startswith("kube-api-access")}


def _origin(entry: Object) -> str:
    source = entry.get("valueFrom", {})
    if reference := source.get("fileKeyRef"):
        assert (reference["volumeName"], reference["key"]) == ("llmkeys", entry["name"])
        return f"file:{reference['path']}{'?' if reference.get('optional') else ''}"
    if reference := source.get("secretKeyRef"):
        return f"secret:{reference['name']}{'?' if reference.get('optional') else ''}"
    return str(entry["value"])

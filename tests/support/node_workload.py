"""Workload pods on a node, made from the very lines of docs/in-the-pod.md."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND, SOURCE_LABEL
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.node_provider import TYPE, NodeProvider
from tests.support.wait import eventually

PYTHON: Final = "/app/bin/python"

STRANGER: Final = "stranger"
"""An account that no credential names."""

AGE: Final = """\
import os, time
began = int(open("/proc/1/stat").read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
age = time.clock_gettime(time.CLOCK_BOOTTIME) - began
"""
"""Python that finds the seconds since the first process of its container began, proc(5)."""

_PROVIDER: Final = "simulated"
_PAGE: Final = ROOT / "docs" / "in-the-pod.md"
RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of containers in namespaces that enforce Pod Security `restricted`."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How a container ended.

    Args:
        code: its exit status.
        message: its termination message, which `kubectl describe pod` shows.
        seconds: it ran.

    """

    code: int
    message: str
    seconds: float


class Tenant:
    """A namespace in which Pod Security `restricted` is enforced, with a proven credential `openai` in it."""

    def __init__(self, plane: ControlPlane, image: str) -> None:
        """Make the namespace.

        Args:
            plane: the cluster.
            image: of llmkeys, as pods name it.

        """
        self._plane = plane
        self.image = image
        self.namespace = plane.new_namespace("tenant")
        plane.kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")

    def deliver(self, provider: NodeProvider, key: str, accounts: Sequence[str]) -> Object:
        """Have a key proven and delivered.

        Args:
            provider: that is asked about it.
            key: its value.
            accounts: that may have it opened.

        Returns:
            the LLMCredential `openai`, as it then is.

        """
        network = {"caBundle": provider.ca_bundle, "allowPrivateAddresses": True}
        spec = {"type": TYPE, "baseURL": provider.base_url, "network": network}
        keys = [{"name": "primary", "secretRef": {"name": "raw"}}]
        target = {"serviceAccounts": list(accounts)}
        self.apply(
            {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": _PROVIDER}, "spec": spec},
            self._own("v1", "Secret", "raw", labels={SOURCE_LABEL: "true"}, stringData={"OPENAI_API_KEY": key}),
            *(self._own("v1", "ServiceAccount", name) for name in (*accounts, STRANGER)),
            self._own(
                API_VERSION,
                CREDENTIAL_KIND,
                "openai",
                spec={"providerRef": {"name": _PROVIDER}, "keys": keys, "target": target},
            ),
        )
        where = ("llmcredential/openai", f"--namespace={self.namespace}")
        self._plane.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *where, timeout=90)
        found: Object = json.loads(self._plane.kubectl("get", *where, "-o", "json").stdout)
        return found

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self._plane.kubectl(
            "apply",
            "--server-side",
            "-f",
            "-",
            input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def pod(self, name: str, credential: Object, command: Sequence[str], *, account: str = "chat") -> Object:
        """Return a pod as the page describes it: an init container unseals, then a command reads its environment.

        Args:
            name: of the pod.
            credential: from whose status the unsealer's address and CA come.
            command: of the container, in the image of llmkeys.
            account: that it runs as.

        """
        spec = self._documented(credential, account)
        spec["containers"][0]["command"] = list(command)
        return self._own("v1", "Pod", name, spec=spec)

    def exec_pod(self, name: str, credential: Object, command: Sequence[str], *, account: str = "chat") -> Object:
        """Return a pod in which `llmkeys exec` runs a command; arguments as for `pod`."""
        spec = self._documented(credential, account)
        (unsealing,) = spec.pop("initContainers")
        (main,) = spec["containers"]
        mounts = [one for one in unsealing["volumeMounts"] if one["name"] != "llm"]
        main |= {"args": ["exec", "--", *command], "env": unsealing["env"], "volumeMounts": mounts}
        return self._own("v1", "Pod", name, spec=spec)

    def run(self, pod: Object) -> tuple[dict[str, Ended], str]:
        """Run a pod to its end: how each container ended that ran, and what the main one printed."""
        name = pod["metadata"]["name"]
        self.apply(pod)

        def ended() -> Object | None:
            status = self._status(name)
            return status if status.get("phase") in {"Succeeded", "Failed"} else None

        status = eventually(ended, timeout=90, every=0.2, message=f"the end of pod {name}")
        assert status is not None
        listed = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        found = {one["name"]: _ended(one["state"]["terminated"]) for one in listed if "terminated" in one["state"]}
        return found, self.logs(name)

    def logs(self, pod: str) -> str:
        """What a pod's main container has printed; nothing if it has not run."""
        return self._plane.kubectl("logs", pod, f"--namespace={self.namespace}", check=False).stdout

    def _documented(self, credential: Object, account: str) -> Object:
        """The page's pod with this credential's values in place of the page's, confined."""
        spec = _page()
        unsealer = credential["status"]["unsealer"]
        values = {"LLMKEYS_UNSEALER": unsealer["address"], "LLMKEYS_CA": unsealer["caBundle"]}
        for one in spec["initContainers"][0]["env"]:
            one["value"] = values.get(one["name"], one["value"])
        for container in (*spec["initContainers"], *spec["containers"]):
            container["image"] = self.image
            container["securityContext"] = RESTRICTED
            # What a container said last is then in `kubectl describe pod`.
            container["terminationMessagePolicy"] = "FallbackToLogsOnError"
        spec["securityContext"] |= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        return spec | {"serviceAccountName": account, "restartPolicy": "Never", "automountServiceAccountToken": False}

    def _own(
        self, version: str, kind: str, name: str, *, labels: Mapping[str, str] | None = None, **body: Any
    ) -> Object:
        metadata = {"name": name, "namespace": self.namespace, "labels": labels or {}}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}

    def _status(self, name: str) -> Object:
        got = self._plane.kubectl("get", "pod", name, f"--namespace={self.namespace}", "-o", "json").stdout
        status: Object = json.loads(got)["status"]
        return status


def _page() -> Object:
    found = re.search(r"```yaml\n(spec:.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"{_PAGE.name} shows no pod"
    spec: Object = yaml.safe_load(found[1])["spec"]
    return spec


def _ended(state: Object) -> Ended:
    started, finished = (datetime.fromisoformat(state[name]) for name in ("startedAt", "finishedAt"))
    return Ended(state["exitCode"], state.get("message", ""), (finished - started).total_seconds())

"""A tenant with sealed keys, whose pods ask for them by a label: nothing is in clear anywhere but in the pods."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, DEFAULT_NAMESPACE, PROVIDER_KIND, PUBLIC_KEYS
from llmkeys.crypto.header import Binding, Purpose, Scope
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.sealing import seal
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.node_provider import TYPE, NodeProvider
from tests.support.node_workload import RESTRICTED, Object, Tenant
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

LABEL: Final = "llmkeys.dev/inject"
CREDENTIALS: Final = "llmkeys.dev/credentials"
FOLLOW: Final = "llmkeys.dev/follow"
MOUNT: Final = "llmkeys.dev/mount"
ACCOUNT: Final = "chat"
"""The account that examples run as."""

_PROVIDER: Final = "simulated"
_CA: Final = "provider-ca"
_CA_FOLDER: Final = "/etc/provider-ca"
_EXAMPLES: Final = ROOT / "examples" / "workloads" / "python"


class NodeScene:
    """One test's tenant."""

    def __init__(self, plane: ControlPlane, tenant: Tenant, provider: NodeProvider) -> None:
        """Make what keys and pods need: the provider, accounts, and a ConfigMap by which pods know the provider."""
        self.plane: Final = plane
        self.tenant: Final = tenant
        self.provider: Final = provider
        self.namespace: Final = tenant.namespace
        network = {"caBundle": provider.ca_bundle, "allowPrivateAddresses": True}
        spec = {"type": TYPE, "baseURL": provider.base_url, "network": network}
        tenant.apply(
            {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": _PROVIDER}, "spec": spec},
            self.own("v1", "ServiceAccount", ACCOUNT),
            self.own("v1", "ConfigMap", _CA, data={"ca.crt": provider.ca_bundle}),
        )

    # -- keys ------------------------------------------------------------------------------------------------

    def new_key(self) -> str:
        """A key that the provider takes and nobody else has."""
        key = f"sk-CANARY-{secrets.token_hex(16)}"
        self.provider.simulator.set(key, Behaviour.GOOD)
        return key

    def deliver(self, name: str = "openai", *, accounts: Sequence[str] = (ACCOUNT,), **target: Any) -> str:
        """Have a new key proven and delivered.

        Args:
            name: of the LLMCredential.
            accounts: that may have it opened.
            **target: more of its `spec.target`.

        Returns:
            the key.

        """
        key = self.new_key()
        self.tenant.apply(self.declared(name, key, accounts, **target))
        self.wait_for(name, "Ready")
        return key

    def declared(self, name: str, key: str, accounts: Sequence[str] = (ACCOUNT,), **target: Any) -> Object:
        """The LLMCredential with a sealed key; arguments as for `deliver`."""
        delivery = "any" if target.get("encryption") == "None" else "envelope"
        spec = {
            "providerRef": {"name": _PROVIDER},
            "enabled": True,
            "keys": [self.entry(name, key, delivery)],
            "target": {"serviceAccounts": list(accounts), **target},
        }
        return self.own(API_VERSION, CREDENTIAL_KIND, name, spec=spec)

    def replace_key(self, name: str = "openai") -> str:
        """Put a new key in a credential's place, wait until it is delivered, and return it."""
        key, before = self.new_key(), self.status(name)["target"]["sequence"]
        self.change(name, keys=[self.entry(name, key)])
        eventually(
            lambda: self.status(name)["target"]["sequence"] > before, timeout=60, message=f"delivery of another {name}"
        )
        return key

    def change(self, name: str, **spec: Any) -> None:
        """Change fields of a credential's spec."""
        patch = json.dumps({"spec": spec})
        self.kubectl("patch", "llmcredential", name, "--type=merge", f"--patch={patch}")

    def status(self, name: str = "openai") -> Object:
        found: Object = self.get("llmcredential", name)["status"]
        return found

    def wait_for(self, name: str, condition: str) -> None:
        self.kubectl("wait", f"--for=condition={condition}", "--timeout=90s", f"llmcredential/{name}")

    def chats(self, key: str) -> int:
        """How often a model was asked with a key."""
        return sum(call.method == "POST" for call in self.provider.simulator.calls(key))

    def entry(self, name: str, key: str, delivery: str = "envelope") -> Object:
        """An entry of a credential's `spec.keys`, with a sealed key."""
        published = json.loads(
            self.plane.kubectl("get", "configmap", PUBLIC_KEYS, f"--namespace={DEFAULT_NAMESPACE}", "-o", "json").stdout
        )
        binding = Binding(
            purpose=Purpose.SEAL,
            scope=Scope.CREDENTIAL,
            namespace=self.namespace,
            name=name,
            field="apiKey",
            audience=eventually(self._audience, timeout=30, message="the provider's audience"),
            delivery=delivery,
        )
        sealed = seal(PublicKey.parse(published["data"]["sealing"]), binding, key.encode())
        return {"name": "primary", "sealed": {"apiKey": sealed}}

    def _audience(self) -> str:
        shown = self.plane.kubectl("get", "llmprovider", _PROVIDER, "-o", "jsonpath={.status.audience}")
        return shown.stdout

    # -- pods ------------------------------------------------------------------------------------------------

    def example(self, file: str) -> list[Object]:
        """The objects of an example in Python, whose containers know by which CA the simulated provider is known."""
        objects = [one for one in yaml.safe_load_all((_EXAMPLES / file).read_text(encoding="utf-8")) if one]
        for one in objects:
            one["metadata"]["namespace"] = self.namespace
            if "template" in one.get("spec", {}):
                spec = one["spec"]["template"]["spec"]
                spec["volumes"] = [{"name": _CA, "configMap": {"name": _CA}}]
                for container in spec["containers"]:
                    container["env"] = [{"name": "SSL_CERT_FILE", "value": f"{_CA_FOLDER}/ca.crt"}]
                    container["volumeMounts"] = [{"name": _CA, "mountPath": _CA_FOLDER}]
        return objects

    def pod(self, name: str, command: Sequence[str], notes: Mapping[str, str] | None = None, **spec: Any) -> Object:
        """A labelled pod with one container `main` in the image of llmkeys.

        Args:
            name: of the pod.
            command: of the container.
            notes: annotations.
            **spec: more of its spec, or other than is here.

        """
        body = {
            "serviceAccountName": ACCOUNT,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [self.container("main", command)],
        }
        made = self.own("v1", "Pod", name, spec=body | spec)
        made["metadata"] |= {"labels": {LABEL: "true"}, "annotations": dict(notes or {})}
        return made

    def container(self, name: str, command: Sequence[str]) -> Object:
        """A container in the image of llmkeys, as `restricted` namespaces take it."""
        return {"name": name, "image": self.tenant.image, "command": list(command), "securityContext": RESTRICTED}

    def wait_rolled_out(self, deployment: str) -> None:
        self.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=90s")

    def pods(self, selector: str = "") -> list[Object]:
        found: list[Object] = self.get("pods", *([f"--selector={selector}"] if selector else []))["items"]
        return found

    # -- objects ---------------------------------------------------------------------------------------------

    def own(self, version: str, kind: str, name: str, **body: Any) -> Object:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}

    def get(self, *what: str) -> Object:
        found: Object = json.loads(self.kubectl("get", *what, "-o", "json"))
        return found

    def kubectl(self, *arguments: str, wait: float = 120.0, **options: Any) -> str:
        """What kubectl prints, in this namespace.

        Args:
            *arguments: of its command line.
            wait: seconds after which it is killed.
            **options: of `ControlPlane.kubectl`.

        """
        return self.plane.kubectl(*arguments, f"--namespace={self.namespace}", timeout=wait, **options).stdout

"""An operator's namespace with ring and certificate, tenants with credentials and pods, and their tokens."""

import base64
import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_PLURAL,
    ENVELOPE_SECRET,
    INTERNAL_LABEL,
    MAC_SECRET,
    SEALING_SECRET,
    TOKEN_AUDIENCE,
    UNSEALER_CA_SECRET,
    UNSEALER_TLS_SECRET,
)
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding, seal_envelope
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.crypto.ring_keys import RootKeys
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.unsealer_process import LOOPBACK

CANARY = "sk-CANARY-unsealed-0001"
OTHERS = (MAC_SECRET, SEALING_SECRET, UNSEALER_CA_SECRET, "somebodys")
_STATUS = "application/merge-patch+json"


@dataclass(frozen=True)
class Pod:
    namespace: str
    account: str
    name: str
    uid: str


@dataclass(frozen=True)
class Credential:
    namespace: str
    name: str
    uid: str


@dataclass
class UnsealerScene:
    """What an unsealer needs, made by the cluster's admin. Names are new each time, so that no cache knows them."""

    plane: ControlPlane
    home: str
    api: AdminApi = field(init=False)
    ring: Ring = field(default_factory=lambda: Ring.first("envelope", time.time()))
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.api = AdminApi(self.plane)

    # -- the operator's namespace --------------------------------------------------------------------------

    def set_up(self) -> None:
        """Account, roles and Secrets."""
        text = (ROOT / "config" / "rbac" / "unsealer.yaml").read_text(encoding="utf-8")
        objects = list(yaml.safe_load_all(text.replace("llmkeys-system", self.home)))
        for one in objects:
            if one["kind"] == "ClusterRoleBinding":
                # The installed one belongs to the account in llmkeys-system.
                one["metadata"]["name"] = f"llmkeys-unsealer-{self.home}"
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(listed))
        self.put_secret(ENVELOPE_SECRET, ring_data(self.ring))
        self.put_secret(UNSEALER_TLS_SECRET, self.certificate())
        for name in OTHERS:
            self.put_secret(name, {"key": CANARY.encode()})

    def tear_down(self) -> None:
        self.plane.kubectl("delete", "clusterrolebinding", f"llmkeys-unsealer-{self.home}", "--ignore-not-found")
        self.plane.delete_namespace(self.home)

    def certificate(self) -> dict[str, bytes]:
        """A serving certificate of the scene's authority."""
        made = self.authority.issue_cert(LOOPBACK, f"llmkeys-unsealer.{self.home}.svc")
        return {
            "tls.crt": b"".join(pem.bytes() for pem in made.cert_chain_pems),
            "tls.key": made.private_key_pem.bytes(),
        }

    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def put_secret(self, name: str, data: Mapping[str, bytes]) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.home, "labels": {INTERNAL_LABEL: "true"}},
            "type": "Opaque",
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        path = f"/api/v1/namespaces/{self.home}/secrets"
        if self.api.get(f"{path}/{name}") is None:
            self.api.create(path, body)
        else:
            self.api.call("PUT", f"{path}/{name}", body)

    # -- tenants -------------------------------------------------------------------------------------------

    def account(self, namespace: str, name: str) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        if self.api.get(f"{path}/{name}") is None:
            self.api.create(path, {"metadata": {"name": name}})
        return name

    def pod(self, namespace: str, account: str = "chat") -> Pod:
        """A Pod object; no kubelet is there to run it, and none is needed for a token."""
        self.account(namespace, account)
        name = f"{account}-{secrets.token_hex(4)}"
        body = {
            "metadata": {"name": name},
            "spec": {"serviceAccountName": account, "containers": [{"name": "main", "image": "none"}]},
        }
        made = self.api.create(f"/api/v1/namespaces/{namespace}/pods", body)
        return Pod(namespace, account, name, made["metadata"]["uid"])

    def delete_pod(self, pod: Pod) -> None:
        self.api.delete(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}?gracePeriodSeconds=0")

    def token(self, pod: Pod, audience: str = TOKEN_AUDIENCE) -> str:
        """What the kubelet projects into a pod."""
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod.name, "uid": pod.uid}
        return self._token(pod.namespace, pod.account, audiences=[audience], boundObjectRef=bound)

    def token_by_hand(self, namespace: str, account: str) -> str:
        """What `kubectl create token --audience` gives."""
        return self._token(namespace, self.account(namespace, account), audiences=[TOKEN_AUDIENCE])

    def _token(self, namespace: str, account: str, **spec: Any) -> str:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.api.create(path, {"spec": {"expirationSeconds": 600, **spec}})["status"]["token"])

    def credential(self, namespace: str, *, sequence: int = 1, **target: Any) -> Credential:
        """A credential that was delivered; `target` goes into its spec."""
        name = f"openai-{secrets.token_hex(4)}"
        spec = {
            "providerRef": {"name": "openai"},
            "keys": [{"name": "main", "secretRef": {"name": "source"}}],
            "target": {"serviceAccounts": ["chat"]} | target,
        }
        body = {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND,
            "metadata": {"name": name},
            "spec": {**spec, "target": {key: value for key, value in spec["target"].items() if value is not None}},
        }
        made = self.api.create(self._path(namespace), body)
        found = Credential(namespace, name, made["metadata"]["uid"])
        self.deliver(found, sequence)
        return found

    def deliver(self, credential: Credential, sequence: int, synced: str = "Synced", **target: Any) -> None:
        """Write the status as the controller does."""
        condition = {
            "type": "SecretSynced",
            "status": "True" if synced == "Synced" else "False",
            "reason": synced,
            "message": "",
            "lastTransitionTime": "2027-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        status = {"conditions": [condition], "target": {"sequence": sequence, **target}}
        self.api.merge(f"{self._path(credential.namespace)}/{credential.name}/status", {"status": status})

    def edit(self, credential: Credential, **spec: Any) -> None:
        """Change the spec as whoever may write credentials does."""
        self.api.merge(f"{self._path(credential.namespace)}/{credential.name}", {"spec": spec})

    def delete(self, credential: Credential) -> None:
        self.api.delete(f"{self._path(credential.namespace)}/{credential.name}")

    def create_again(self, credential: Credential) -> Credential:
        """Delete and create a credential of the same name and spec, delivered again."""
        path = f"{self._path(credential.namespace)}/{credential.name}"
        spec = self.api.get(path)["spec"]
        self.api.delete(path)
        body = {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND,
            "metadata": {"name": credential.name},
            "spec": spec,
        }
        made = self.api.create(self._path(credential.namespace), body)
        again = Credential(credential.namespace, credential.name, made["metadata"]["uid"])
        self.deliver(again, 1)
        return again

    def envelope(self, credential: Credential, sequence: int = 1) -> str:
        """What the controller would have put into the generated Secret."""
        namespace = self.api.get(f"/api/v1/namespaces/{credential.namespace}")
        binding = EnvelopeBinding(namespace["metadata"]["uid"], credential.uid, sequence)
        content = encode_content({"OPENAI_API_KEY": CANARY.encode()})
        return seal_envelope(RootKeys(self.ring).active, binding, content)

    @staticmethod
    def _path(namespace: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{namespace}/{CREDENTIAL_PLURAL}"


def signed_again(token: str, key: rsa.RSAPrivateKey | Path, **changes: Any) -> str:
    """The token with other claims and a new signature (RS256), by any key or by the API server's own."""
    if isinstance(key, Path):
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        key = loaded
    header, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | changes
    message = f"{header}.{_base64url(json.dumps(claims).encode())}"
    return f"{message}.{_base64url(key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def unsealer_scene(plane: ControlPlane) -> Iterator[UnsealerScene]:
    """A scene on a control plane with our CRDs and roles; its namespace goes behind it."""
    scene = UnsealerScene(plane, plane.new_namespace("unsealer-home"))
    try:
        scene.set_up()
        yield scene
    finally:
        scene.tear_down()

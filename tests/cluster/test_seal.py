"""`llmkeys seal` with a cluster: as anybody who is logged in, and as whoever may read the operator's keys."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmkeys.api.credential import credential_from
from llmkeys.api.names import API_VERSION, PROVIDER_KIND, PUBLIC_KEYS, SEALING_SECRET
from llmkeys.crypto.header import Binding, Header
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.crypto.sealing import header_of, open_sealed, seal
from llmkeys.crypto.wrapping import Wrapper
from llmkeys.kube.public_keys import public_keys_data
from tests.support.cluster import ControlPlane

CANARY = "sk-proj-canary0123456789"
AUTHENTICATED = {"kind": "Group", "name": "system:authenticated", "apiGroup": "rbac.authorization.k8s.io"}
FIRST = Ring.first("sealing", 1_700_000_000.0)
SECOND = FIRST.rotate(1_710_000_000.0)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a kubeconfig and a folder of their own."""

    kubeconfig: Path
    home: Path
    operator: str

    def seal(self, *arguments: str, key: str = CANARY) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        return subprocess.run(  # noqa: S603  ourselves
            [sys.executable, "-m", "llmkeys", "seal", *arguments, "--operator-namespace", self.operator],
            input=key,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=environment,
        )

    def new(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.seal("chat", "-n", "team-a", *arguments)


def apply(plane: ControlPlane, *objects: Mapping[str, Any]) -> None:
    plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))


def may(role: str, namespace: str, resource: str, name: str, subject: Mapping[str, str]) -> list[dict[str, Any]]:
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": role, "namespace": namespace}}
    rules = [{"apiGroups": [""], "resources": [resource], "resourceNames": [name], "verbs": ["get"]}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    return [
        {**rbac, "kind": "Role", "rules": rules},
        {**rbac, "kind": "RoleBinding", "roleRef": reference, "subjects": [dict(subject)]},
    ]


def publish(plane: ControlPlane, namespace: str, ring: Ring) -> None:
    data = {name: value.decode() for name, value in public_keys_data(ring).items()}
    metadata = {"name": PUBLIC_KEYS, "namespace": namespace}
    apply(plane, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def store(plane: ControlPlane, namespace: str, data: Mapping[str, bytes]) -> None:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    metadata = {"name": SEALING_SECRET, "namespace": namespace}
    plane.kubectl("delete", "secret", SEALING_SECRET, f"--namespace={namespace}", "--ignore-not-found")
    apply(plane, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})


def account(plane: ControlPlane, namespace: str, name: str) -> tuple[Path, dict[str, str]]:
    apply(plane, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return plane.service_account_kubeconfig(namespace, name), subject


@pytest.fixture(scope="module")
def published(installed: ControlPlane, namespace: str) -> ControlPlane:
    """The namespace is an operator's, which shows its public keys to everybody who is logged in."""
    publish(installed, namespace, FIRST)
    apply(installed, *may("public-keys", namespace, "configmaps", PUBLIC_KEYS, AUTHENTICATED))
    return installed


@pytest.fixture
def anybody(published: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Person]:
    """Logged in, and allowed nothing."""
    kubeconfig, _ = account(published, namespace, "anybody")
    yield Person(kubeconfig, tmp_path, namespace)
    publish(published, namespace, FIRST)


@pytest.fixture
def viewer(published: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Person]:
    """May look at our kinds."""
    kubeconfig, subject = account(published, namespace, "viewer")
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "llmkeys-view"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "roleRef": reference}
    apply(published, {**binding, "metadata": {"name": f"{namespace}-viewer"}, "subjects": [subject]})
    yield Person(kubeconfig, tmp_path, namespace)
    published.kubectl("delete", "clusterrolebinding", f"{namespace}-viewer")


@pytest.fixture
def keeper(published: ControlPlane, namespace: str, tmp_path: Path) -> Person:
    """May read the operator's private keys."""
    kubeconfig, subject = account(published, namespace, "keeper")
    apply(published, *may("sealing-keys", namespace, "secrets", SEALING_SECRET, subject))
    return Person(kubeconfig, tmp_path, namespace)


def header(text: str) -> Header:
    return header_of(sealed_in(text))


def sealed_in(text: str) -> str:
    return credential_from(yaml.safe_load(text)).spec.keys[0].sealed["apiKey"]


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stderr
    return done.stdout


def test_anybody_who_is_logged_in_seals_with_the_fetched_key_and_offline_ever_after(anybody: Person) -> None:
    done = anybody.new("--fetch", "--provider-type", "openai")
    assert open_sealed(sealed_in(good(done)), SealingKeys(FIRST)) == CANARY.encode()
    assert f"Public key {FIRST.active.key_id}" in done.stderr
    offline = Person(Path("/nowhere"), anybody.home, anybody.operator)
    assert header(good(offline.new("--provider-type", "openai"))).key_id == FIRST.active.key_id


def test_what_comes_out_is_accepted_by_the_api_server(anybody: Person, published: ControlPlane, namespace: str) -> None:
    text = good(anybody.seal("chat", "-n", namespace, "--fetch", "--provider-type", "openai"))
    published.kubectl("create", "--dry-run=server", "-f", "-", input=text)


def test_a_changed_key_is_refused_until_it_is_accepted(
    anybody: Person, published: ControlPlane, namespace: str
) -> None:
    good(anybody.new("--fetch", "--provider-type", "openai"))
    publish(published, namespace, SECOND)
    refused = anybody.new("--fetch", "--provider-type", "openai")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"--accept {SECOND.active.key_id}" in refused.stderr
    # Offline it is still the one that is believed.
    assert header(good(anybody.new("--provider-type", "openai"))).key_id == FIRST.active.key_id
    good(anybody.new("--fetch", "--provider-type", "openai", "--accept", SECOND.active.key_id))
    for more in ((), ("--fetch",)):
        assert header(good(anybody.new("--provider-type", "openai", *more))).key_id == SECOND.active.key_id


def test_who_may_not_see_providers_is_told_what_to_give(anybody: Person) -> None:
    refused = anybody.new("--fetch", "--provider-name", "whatever")
    assert refused.returncode == 1
    assert "--provider FILE" in refused.stderr


@pytest.mark.parametrize("settled", [False, True], ids=["spec", "status"])
def test_the_clusters_provider_decides_the_host(
    settled: bool, viewer: Person, published: ControlPlane, provider_prefix: str
) -> None:
    name = f"{provider_prefix}{'settled' if settled else 'new'}"
    spec = {"type": "openai", "baseURL": "https://gw.example.com/v1"}
    apply(published, {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": name}, "spec": spec})
    if settled:
        status = {"status": {"observedGeneration": 1, "audience": "https://gw.example.com/tenant"}}
        what = ("patch", "llmprovider", name, "--subresource=status", "--type=merge")
        published.kubectl(*what, "-p", json.dumps(status))
    bound = header(good(viewer.new("--fetch", "--provider-name", name))).binding
    assert bound.audience == ("https://gw.example.com/tenant" if settled else "https://gw.example.com")


def test_check_fetches_keys_and_providers_and_pins_nothing(
    viewer: Person, published: ControlPlane, provider_prefix: str
) -> None:
    name = f"{provider_prefix}checked"
    spec = {"type": "openai"}
    apply(published, {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": name}, "spec": spec})
    (viewer.home / "good.yaml").write_text(manifest(FIRST, provider=name))
    (viewer.home / "bad.yaml").write_text(manifest(FIRST, provider=name, audience="https://gw.example.com"))
    assert good(viewer.seal("--check", "--fetch", "good.yaml")).endswith(": ok\n")
    done = viewer.seal("--check", "--fetch", "bad.yaml")
    assert done.returncode == 1
    assert "SealedForOtherHost" in done.stdout
    assert not (viewer.home / "config").exists()


def manifest(ring: Ring, *, provider: str = "openai", audience: str = "https://api.openai.com") -> str:
    bound = Binding("seal", "credential", "team-a", "chat", "apiKey", audience, "envelope")
    text = seal(SealingKeys(ring).active, bound, CANARY.encode())
    head = f"apiVersion: {API_VERSION} # ours\nkind: LLMCredential\nmetadata: {{name: chat, namespace: team-a}}\n"
    keys = f"  keys: [{{name: main, sealed: {{apiKey: {text}}}}}] # end\n"
    return f"{head}spec:\n  providerRef: {{name: {provider}}}\n{keys}"


@pytest.mark.parametrize("kek", [None, bytes(range(32))], ids=["clear", "wrapped"])
def test_whoever_may_read_the_private_keys_renews_a_manifest_in_place(
    kek: bytes | None, keeper: Person, published: ControlPlane, namespace: str
) -> None:
    data = ring_data(SECOND)
    store(published, namespace, Wrapper(kek).wrap(data, "sealing") if kek else data)
    before = manifest(FIRST)
    file = keeper.home / "chat.yaml"
    file.write_text(before)
    (keeper.home / "kek").write_bytes((kek or b"").hex().encode())

    if kek:
        refused = keeper.seal("--reseal", "chat.yaml")
        assert "--keyring-kek" in refused.stderr
    given = ("--keyring-kek", "kek") if kek else ()
    dry = good(keeper.seal("--reseal", "--dry-run", "chat.yaml", *given))
    assert f"+ key: {SECOND.active.key_id}" in dry
    assert file.read_text() == before

    good(keeper.seal("--reseal", "chat.yaml", *given))
    after = file.read_text()
    assert after == before.replace(sealed_in(before), sealed_in(after))
    assert header(after).binding == header(before).binding
    assert open_sealed(sealed_in(after), SealingKeys(SECOND)) == CANARY.encode()
    assert header(after).key_id == SECOND.active.key_id


def test_nobody_else_renews_anything(anybody: Person, published: ControlPlane, namespace: str) -> None:
    store(published, namespace, ring_data(SECOND))
    file = anybody.home / "chat.yaml"
    file.write_text(manifest(FIRST))
    before = file.read_bytes()
    done = anybody.seal("--reseal", "chat.yaml")
    assert done.returncode == 1
    assert f"You may not read Secret {namespace}/{SEALING_SECRET}" in done.stderr
    assert file.read_bytes() == before


def test_a_namespace_without_an_operator_is_named(published: ControlPlane, tmp_path: Path) -> None:
    admin = Person(published.kubeconfig, tmp_path, "nowhere")
    assert "--operator-namespace" in admin.new("--fetch", "--provider-type", "openai").stderr

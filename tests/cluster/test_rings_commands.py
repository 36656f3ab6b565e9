"""`llmkeys keys` on a real API server, with a person's rights."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_PLURAL,
    INTERNAL_LABEL,
    MAC_SECRET,
    MODEL_LISTS,
    PUBLIC_KEYS,
    RENEWED_SECRET,
    SEALING_SECRET,
    TOKEN_AUDIENCE,
    UNSEALER_CA_SECRET,
    UNSEALER_TLS_SECRET,
)
from llmkeys.cli.main import main
from llmkeys.crypto.at_rest import seal_at_rest
from llmkeys.crypto.header import Binding
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.sealing import seal
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_secrets import RING_SECRETS
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.rings import Rings
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.wait import eventually

NOW: Final = 1_800_000_000.0
CHEAP: Final = "a passphrase of a test"
KEK: Final = "00112233445566778899aabbccddeeff" * 2
STILL_NEEDED: Final = 3
OWN: Final = (*RING_SECRETS.values(), UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET)


async def no_traces() -> Traces:
    """The credentials on the shared API server are of other tests, and other operators."""
    return Traces()


@dataclass
class Person:
    """Somebody with a shell and an operator's namespace."""

    api: AdminApi
    namespace: str
    folder: Path

    def keys(self, *args: str | Path, kek: Path | None = None, text: str | None = None) -> Result:
        more = [f"--keyring-kek={kek}"] if kek else []
        run = ["keys", *map(str, args), f"--namespace={self.namespace}", *more]
        return CliRunner().invoke(main, run, input=text)

    def done(self, *args: str | Path, **more: Any) -> Any:
        """What a command that must succeed prints as JSON."""
        result = self.keys(*args, "-o", "json", **more)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def listed(self, purpose: str) -> list[dict[str, Any]]:
        return [row for row in self.done("list") if row["purpose"] == purpose]

    def active(self, purpose: str) -> str:
        (found,) = [row["key"] for row in self.listed(purpose) if row["state"] == "active"]
        return str(found)

    def start_operator(self, kek: str | None = None) -> Rings:
        """What an operator's start leaves behind."""

        async def load() -> Rings:
            client = ApiClient()
            await client.open()
            try:
                material = bytes.fromhex(kek) if kek else None
                return await Rings.load(client, self.namespace, material, lambda: NOW, traces=no_traces)
            finally:
                await client.close()

        return asyncio.run(load())

    def found(self, name: str, resource: str = "secrets") -> Any:
        return self.api.get(f"/api/v1/namespaces/{self.namespace}/{resource}/{name}")

    def delete(self, *names: str) -> None:
        for name in names:
            self.api.delete(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")

    def data(self) -> dict[str, Any]:
        return {name: self.found(name)["data"] for name in (*RING_SECRETS.values(), UNSEALER_CA_SECRET)}

    def passphrase_file(self) -> Path:
        file = self.folder / "passphrase"
        file.write_text(CHEAP + "\n", encoding="utf-8")
        return file

    def backed_up(self, name: str = "backup", **more: Any) -> Path:
        file = self.folder / name
        result = self.keys("backup", file, "--passphrase-file", self.passphrase_file(), **more)
        assert result.exit_code == 0, result.output
        return file

    def restore(self, file: Path, *args: str, **more: Any) -> Result:
        return self.keys("restore", file, "--passphrase-file", self.passphrase_file(), *args, **more)

    def credential(self, name: str, **spec: Any) -> str:
        """Create one; its name as people write it."""
        base = f"/apis/{API_VERSION}/namespaces/{self.namespace}/{CREDENTIAL_PLURAL}"
        keys = [{"name": "main", "secretRef": {"name": "source"}}]
        body = {"providerRef": {"name": "nobody"}, "keys": keys} | spec
        metadata = {"name": name, "namespace": self.namespace}
        made = {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": metadata, "spec": body}
        self.api.create(base, made)
        return f"{self.namespace}/{name}"

    def sealed(self, name: str) -> str:
        public = PublicKey.parse(self.found(PUBLIC_KEYS, "configmaps")["data"]["sealing"])
        binding = Binding("seal", "credential", self.namespace, name, "apiKey", "any", "any")
        values = {"apiKey": seal(public, binding, b"sk-canary")}
        return self.credential(name, keys=[{"name": "main", "sealed": values}])

    def enveloped(self, name: str, key_id: str) -> str:
        """A credential whose envelope is sealed with that key, as its status says."""
        made = self.credential(name)
        self.sealed_with(name, key_id)
        return made

    def sealed_with(self, name: str, key_id: str) -> None:
        """Have a credential's status say so."""
        path = f"/apis/{API_VERSION}/namespaces/{self.namespace}/{CREDENTIAL_PLURAL}/{name}/status"
        self.api.merge(path, {"status": {"target": {"sealedWith": key_id}}})


@pytest.fixture
def person(installed: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """A person with an operator's namespace of their own, in which it has been started once."""
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    namespace = installed.new_namespace("keys")
    made = Person(AdminApi(installed), namespace, tmp_path)
    made.start_operator()
    yield made
    installed.delete_namespace(namespace)


def test_the_list_shows_each_key_with_its_state_and_who_needs_it(person: Person) -> None:
    sealed = person.sealed("chat")

    rows = person.done("list")

    assert [(row["purpose"], row["state"]) for row in rows] == [
        ("sealing", "active"),
        ("envelope", "active"),
        ("mac", "active"),
        ("ca", "active"),
    ]
    assert rows[0]["created"] == "2027-01-15T08:00:00Z"
    assert rows[0]["neededBy"] == [sealed]
    assert yaml.safe_load(person.keys("list", "-o", "yaml").stdout) == rows
    table = person.keys("list").stdout.splitlines()
    assert table[0].split() == ["PURPOSE", "KEY", "STATE", "CREATED", "NEEDED", "BY"]
    assert table[1].split() == ["sealing", rows[0]["key"], "active", "2027-01-15T08:00:00Z", "1"]


@pytest.mark.parametrize("purpose", ["sealing", "envelope", "mac"])
def test_a_rotated_ring_has_a_new_active_key_and_the_old_one_opens(purpose: str, person: Person) -> None:
    before = person.active(purpose)

    made = person.done("rotate", purpose)

    assert [(row["key"], row["state"]) for row in person.listed(purpose)] == [
        (made[purpose], "active"),
        (before, "decryptOnly"),
    ]


def test_which_ring_is_rotated_must_be_said(person: Person) -> None:
    assert person.keys("rotate").exit_code == 2


def test_a_key_that_nothing_needs_is_thrown_away(person: Person) -> None:
    before = person.active("sealing")
    person.done("rotate", "sealing")

    assert person.keys("retire", before).exit_code == 0

    assert [row["state"] for row in person.listed("sealing")] == ["active", "retired"]
    person.start_operator()
    assert before not in person.found(PUBLIC_KEYS, "configmaps")["data"]["keys.json"]


def test_a_sealing_key_is_kept_while_a_credential_needs_it(person: Person) -> None:
    needs_it = person.sealed("needs-it")
    person.credential("needs-nothing")
    before = person.active("sealing")
    person.done("rotate", "sealing")

    refused = person.keys("retire", before)

    assert refused.exit_code == STILL_NEEDED
    assert f"LLMCredential {needs_it}" in refused.stderr
    assert "needs-nothing" not in refused.stderr
    assert person.listed("sealing")[1]["state"] == "decryptOnly"


def test_an_envelope_key_is_kept_while_an_envelope_is_sealed_with_it(person: Person) -> None:
    before = person.active("envelope")
    needs_it = person.enveloped("needs-it", before)
    person.done("rotate", "envelope")
    person.enveloped("sealed-again", person.active("envelope"))

    refused = person.keys("retire", before)

    assert refused.exit_code == STILL_NEEDED
    assert f"LLMCredential {needs_it}" in refused.stderr
    assert "sealed-again" not in refused.stderr


def test_the_active_key_is_never_thrown_away(person: Person) -> None:
    refused = person.keys("retire", person.active("envelope"))
    assert refused.exit_code == 1
    assert "Rotate first" in refused.stderr


def test_a_key_that_a_renewed_file_is_sealed_to_cannot_be_thrown_away(person: Person) -> None:
    before = person.active("sealing")
    public = PublicKey.parse(person.found(PUBLIC_KEYS, "configmaps")["data"]["sealing"])
    kept = base64.b64encode(seal_at_rest(public, "place", b"file")).decode()
    metadata = {"name": RENEWED_SECRET, "labels": {INTERNAL_LABEL: "true"}}
    path = f"/api/v1/namespaces/{person.namespace}/secrets"
    person.api.create(path, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"place": kept}})
    assert person.keys("rotate", "sealing").exit_code == 0

    refused = person.keys("retire", before)

    assert refused.exit_code == STILL_NEEDED
    assert RENEWED_SECRET in refused.output
    person.delete(RENEWED_SECRET)
    assert person.keys("retire", before).exit_code == 0


@pytest.mark.parametrize("command", ["retire", "compromise"])
def test_a_key_that_no_ring_has_is_an_error(command: str, person: Person) -> None:
    refused = person.keys(command, "0123456789abcdef")
    assert refused.exit_code == 1
    assert "llmkeys keys list" in refused.stderr


def test_a_compromised_sealing_key_seals_no_more_and_the_api_keys_to_replace_are_listed(person: Person) -> None:
    concerned = person.sealed("concerned")
    person.credential("other")
    before = person.active("sealing")

    said = person.keys("compromise", before).stdout

    assert [row["state"] for row in person.listed("sealing")] == ["active", "compromised"]
    assert "Replace each API key at its provider" in said
    assert f"LLMCredential {concerned}" in said
    assert "other" not in said.partition("Concerned")[2]


def test_a_compromised_envelope_key_concerns_all_that_were_ever_sealed_with_it(person: Person) -> None:
    before = person.active("envelope")
    concerned = person.credential("concerned")
    person.done("rotate", "envelope")
    # Sealed again since, but what was sealed before may lie in a backup of etcd.
    person.sealed_with("concerned", person.active("envelope"))
    person.credential("in-clear", target={"encryption": "None"})

    outcome = person.done("compromise", before)

    assert concerned in outcome["concerned"]
    assert not [one for one in outcome["concerned"] if one.endswith("/in-clear")]


def test_a_compromised_authority_is_replaced_at_once_and_the_pods_to_re_create_are_listed(person: Person) -> None:
    authority = person.active("ca")
    source = {"serviceAccountToken": {"audience": TOKEN_AUDIENCE, "path": "token"}}
    for name, sources in {"asks": [source], "asks-not": []}.items():
        volumes = [{"name": "token", "projected": {"sources": sources}}] if sources else []
        spec = {"containers": [{"name": "main", "image": "main"}], "volumes": volumes}
        eventually_created(person, {"metadata": {"name": name}, "spec": spec})

    outcome = person.done("compromise", authority)

    assert outcome["concerned"] == [f"{person.namespace}/asks"]
    assert [(row["key"], row["state"]) for row in person.listed("ca")] == [(outcome["active"], "active")]
    before = person.found(UNSEALER_TLS_SECRET)["data"]["tls.crt"]
    person.start_operator()
    assert person.found(UNSEALER_TLS_SECRET)["data"]["tls.crt"] != before


def eventually_created(person: Person, pod: dict[str, Any]) -> None:
    """A pod needs the namespace's default account, which comes a moment after the namespace."""

    def create() -> bool:
        person.api.create(f"/api/v1/namespaces/{person.namespace}/pods", pod)
        return True

    eventually(create)


def test_a_list_of_models_is_in_no_backup_since_it_follows_from_what_providers_say(person: Person) -> None:
    config_maps = f"/api/v1/namespaces/{person.namespace}/configmaps"
    name = f"{MODEL_LISTS}openai"
    person.api.create(config_maps, {"metadata": {"name": name, "labels": {INTERNAL_LABEL: "true"}}, "data": {"a": "b"}})
    file = person.backed_up()
    person.api.delete(f"{config_maps}/{name}")

    assert person.restore(file).exit_code == 0

    assert person.api.get(f"{config_maps}/{name}") is None


def test_a_backup_brings_everything_back_that_was_lost(person: Person) -> None:
    receipt = {"metadata": {"name": "receipt", "labels": {INTERNAL_LABEL: "true"}}, "immutable": True}
    config_maps = f"/api/v1/namespaces/{person.namespace}/configmaps"
    person.api.create(config_maps, receipt | {"data": {"plan": "done"}})
    person.done("rotate", "sealing")
    file, before = person.backed_up(), person.data()
    person.delete(*OWN)
    person.api.delete(f"{config_maps}/receipt")

    restored = person.restore(file)

    assert restored.exit_code == 0, restored.output
    assert person.data() == before
    back = person.found("receipt", "configmaps")
    assert (back["data"], back["immutable"]) == ({"plan": "done"}, True)
    assert back["metadata"]["labels"] == {INTERNAL_LABEL: "true"}
    person.start_operator()
    assert person.data() == before


def test_a_backup_shows_nothing_of_what_is_in_it_and_is_for_its_owner_alone(person: Person) -> None:
    ring = person.start_operator().sealing
    file = person.backed_up()
    assert file.stat().st_mode & 0o777 == 0o600
    assert ring.active.key_id.encode() not in file.read_bytes()
    again = person.keys("backup", file, "--passphrase-file", person.passphrase_file())
    assert again.exit_code == 1
    assert "File exists" in again.stderr


def test_a_passphrase_is_asked_for_twice_and_never_shown(person: Person) -> None:
    file = person.folder / "asked"
    mistyped = person.keys("backup", file, text=f"{CHEAP}\nother\n{CHEAP}\n{CHEAP}\n")
    assert mistyped.exit_code == 0, mistyped.output
    assert "do not match" in mistyped.output
    assert CHEAP not in mistyped.output

    assert person.keys("restore", file, text=f"{CHEAP}\n").exit_code == 0
    wrong = person.keys("restore", file, text="another\n")
    assert wrong.exit_code == 1
    assert "passphrase is wrong" in wrong.stderr


def test_a_backup_for_a_recipient_opens_with_their_file(person: Person) -> None:
    holder, file = person.folder / "holder", person.folder / "backup"
    public = CliRunner().invoke(main, ["keys", "generate", str(holder)]).stdout.strip()
    assert person.keys("backup", file, "--recipient", public).exit_code == 0
    before = person.data()
    person.delete(*OWN)

    assert person.keys("restore", file, text="passphrase\n").exit_code == 1
    assert person.keys("restore", file, "--private-key", holder).exit_code == 0

    assert person.data() == before


def test_restoring_what_is_there_changes_nothing(person: Person) -> None:
    outcome = json.loads(person.restore(person.backed_up(), "-o", "json").stdout)
    assert {one["outcome"] for one in outcome} == {"unchanged"}


def test_a_restore_overwrites_nothing_unless_told_to_and_then_loses_no_key(person: Person) -> None:
    file = person.backed_up()
    in_backup = person.active("sealing")
    person.delete(SEALING_SECRET, MAC_SECRET)
    person.api.delete(f"/api/v1/namespaces/{person.namespace}/configmaps/{PUBLIC_KEYS}")
    since = person.start_operator().sealing.active.key_id
    before = person.data()

    refused = person.restore(file)

    assert refused.exit_code == 1
    assert SEALING_SECRET in refused.stderr
    assert "--replace" in refused.stderr
    assert person.data() == before

    assert person.restore(file, "--replace").exit_code == 0
    assert {row["key"] for row in person.listed("sealing")} == {in_backup, since}


def test_a_spoilt_ring_is_restored_with_replace(person: Person) -> None:
    file, before = person.backed_up(), person.data()
    path = f"/api/v1/namespaces/{person.namespace}/secrets/{SEALING_SECRET}"
    person.api.merge(path, {"data": {"ring.json": "e30=", "more": "e30="}})

    assert person.restore(file, "--replace").exit_code == 0

    assert person.data() == before


def test_an_immutable_receipt_that_differs_stops_a_restore_before_it_begins(person: Person) -> None:
    config_maps = f"/api/v1/namespaces/{person.namespace}/configmaps"
    receipt = {"metadata": {"name": "receipt", "labels": {INTERNAL_LABEL: "true"}}, "immutable": True}
    person.api.create(config_maps, receipt | {"data": {"plan": "one"}})
    file = person.backed_up()
    person.api.delete(f"{config_maps}/receipt")
    person.api.create(config_maps, receipt | {"data": {"plan": "other"}})
    person.delete(SEALING_SECRET)

    refused = person.restore(file, "--replace")

    assert refused.exit_code == 1
    assert "kubectl delete configmap receipt" in refused.stderr
    assert person.found(SEALING_SECRET) is None


def test_a_damaged_backup_changes_nothing(person: Person) -> None:
    file = person.backed_up()
    file.write_bytes(file.read_bytes()[:-200])
    person.delete(SEALING_SECRET)

    assert person.restore(file).exit_code == 1

    assert person.found(SEALING_SECRET) is None


def test_half_of_the_rings_are_not_backed_up(person: Person) -> None:
    person.delete(MAC_SECRET)
    result = person.keys("backup", person.folder / "half", "--passphrase-file", person.passphrase_file())
    assert result.exit_code == 1
    assert MAC_SECRET in result.stderr
    assert not (person.folder / "half").exists()


def test_wrapped_rings_are_changed_backed_up_and_restored_with_the_kek_alone(person: Person) -> None:
    kek = person.folder / "kek"
    kek.write_text(KEK, encoding="ascii")
    person.start_operator(KEK)
    wrapped = {name: list(person.found(name)["data"]) for name in RING_SECRETS.values()}
    assert set(map(tuple, wrapped.values())) == {("ring.enc",)}

    assert "--keyring-kek" in person.keys("rotate", "sealing").stderr
    assert person.done("rotate", "sealing", kek=kek)
    file = person.backed_up(kek=kek)
    clear = person.restore(file, "--replace")
    assert clear.exit_code == 1, "a restore must not unwrap what is wrapped"
    person.delete(*RING_SECRETS.values())
    assert person.restore(file, kek=kek).exit_code == 0

    assert {name: list(person.found(name)["data"]) for name in RING_SECRETS.values()} == wrapped
    assert len([row for row in person.done("list", kek=kek) if row["purpose"] == "sealing"]) == 2


def test_a_kek_may_be_changed_by_way_of_a_backup(person: Person) -> None:
    old, new = person.folder / "old", person.folder / "new"
    old.write_text(KEK, encoding="ascii")
    new.write_text("ff" * 32, encoding="ascii")
    before = person.start_operator(KEK).sealing
    file = person.backed_up(kek=old)

    assert person.restore(file, "--replace", kek=new).exit_code == 0

    assert person.start_operator("ff" * 32).sealing == before


def test_a_file_that_is_no_kek_is_refused(person: Person) -> None:
    file = person.folder / "kek"
    file.write_text("a passphrase", encoding="ascii")
    refused = person.keys("list", kek=file)
    assert refused.exit_code == 1
    assert "hex" in refused.stderr
    assert "a passphrase" not in refused.stderr


def test_a_person_without_rights_is_told_which_one_is_missing(person: Person, installed: ControlPlane) -> None:
    account = ("--namespace", person.namespace)
    installed.kubectl("create", "serviceaccount", "stranger", *account)
    stranger = installed.service_account_kubeconfig(person.namespace, "stranger")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUBECONFIG", str(stranger))
        refused = person.keys("rotate", "sealing")
    assert refused.exit_code == 1
    assert "get secrets: forbidden" in refused.stderr
    assert person.namespace in refused.stderr


def test_a_namespace_without_an_operator_is_an_error(person: Person) -> None:
    person.namespace = "default"
    refused = person.keys("list")
    assert refused.exit_code == 1
    assert "--namespace" in refused.stderr


def test_no_command_prints_key_material(person: Person) -> None:
    ring = person.start_operator().envelope
    outputs = [person.keys("list"), person.keys("list", "-o", "json"), person.keys("rotate", "envelope")]
    outputs.append(person.keys("compromise", ring.active.key_id))
    text = "".join(one.output for one in outputs)
    for encoded in (person.found("llmkeys-envelope")["data"]["ring.json"], ring.active.material.hex()):
        assert encoded not in text

"""Every version reads what every earlier one has written: tests/fixtures/v1alpha1, from an API server of then."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from llmkeys.api.credential import credential_from
from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND, PUBLIC_KEYS
from llmkeys.api.provider import provider_from
from llmkeys.bootstrap.notes import notes_from
from llmkeys.bootstrap.records import Outcome, plan_from, receipt_from
from llmkeys.crypto.certificates import authorities_from
from llmkeys.crypto.content import decode_content
from llmkeys.crypto.envelope import envelope_header, open_envelope
from llmkeys.crypto.mac import same
from llmkeys.crypto.ring import mac_ring_from, ring_from
from llmkeys.crypto.ring_keys import RootKeys, SealingKeys, mac_key
from llmkeys.crypto.sealing import open_sealed
from llmkeys.delivery.manifest import content_mac
from llmkeys.sealing.public_keys import public_keys_from

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "tests" / "fixtures" / "v1alpha1"
CRDS: Final = {PROVIDER_KIND: "llmproviders.yaml", CREDENTIAL_KIND: "llmcredentials.yaml"}

Object = dict[str, Any]


def objects(file: str) -> dict[str, Object]:
    documents = yaml.safe_load_all((FOLDER / file).read_text(encoding="utf-8"))
    return {one["metadata"]["name"]: one for one in documents}


def decoded(one: Object) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in one["data"].items()}


def own_secret(name: str) -> dict[str, bytes]:
    return decoded(objects("own-secrets.yaml")[name])


def own_config_map(name: str) -> dict[str, str]:
    return dict(objects("own-config-maps.yaml")[name]["data"])


def record(name: str) -> dict[str, bytes]:
    return {entry: value.encode() for entry, value in own_config_map(name).items()}


PROVIDERS: Final = objects("providers.yaml")
CREDENTIALS: Final = objects("credentials.yaml")
GENERATED: Final = objects("generated-secrets.yaml")
EXPECTED: Final = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))
OF_OUR_KINDS: Final = [*PROVIDERS.values(), *CREDENTIALS.values()]

of_our_kinds = pytest.mark.parametrize("written", OF_OUR_KINDS, ids=lambda one: one["metadata"]["name"])


def schema(kind: str) -> Object:
    crd = yaml.safe_load((ROOT / "crds" / CRDS[kind]).read_text(encoding="utf-8"))
    (version,) = [one for one in crd["spec"]["versions"] if one["name"] == "v1alpha1"]
    return dict(version["schema"]["openAPIV3Schema"])


def unknown_fields(value: Any, known: Object, path: str = "") -> Iterator[str]:
    """What the API server would prune."""
    if isinstance(value, list):
        for inner in value:
            yield from unknown_fields(inner, known["items"], f"{path}[]")
    elif isinstance(value, dict) and "properties" in known:
        for name, inner in value.items():
            if name in known["properties"]:
                yield from unknown_fields(inner, known["properties"][name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"


@of_our_kinds
def test_the_schema_of_today_keeps_every_field_and_admits_every_value(written: Object) -> None:
    body = {name: value for name, value in written.items() if name in ("spec", "status")}
    known = schema(written["kind"])
    known["required"] = [name for name in known.get("required", []) if name in body]

    assert list(unknown_fields(body, known)) == []
    jsonschema.validate(body, known)


@of_our_kinds
def test_it_is_read_with_all_that_its_status_says(written: Object) -> None:
    read = provider_from(written) if written["kind"] == PROVIDER_KIND else credential_from(written)

    assert read.status.observed_generation == written["status"]["observedGeneration"]
    assert {one.type: one.reason for one in read.status.conditions} == {
        one["type"]: one["reason"] for one in written["status"]["conditions"]
    }


@pytest.mark.parametrize("name", CREDENTIALS)
def test_beliefs_and_appointments_are_read(name: str) -> None:
    status = CREDENTIALS[name]["status"]
    read = credential_from(CREDENTIALS[name]).status

    assert [(key.name, key.verdict, key.fingerprint) for key in read.keys] == [
        (key["name"], key["verdict"], key["fingerprint"]) for key in status.get("keys", [])
    ]
    assert read.inputs.probe == status["inputs"]["probe"] if "inputs" in status else not read.inputs.probe


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_secret_is_recognised_as_it_was_written(name: str) -> None:
    """Else the first start of a new version would write every Secret anew."""
    credential = credential_from(CREDENTIALS[name])
    key = mac_key(mac_ring_from(own_secret("llmkeys-mac")))

    assert credential.status.target.uid == GENERATED[name]["metadata"]["uid"]
    assert same(credential.status.target.mac, content_mac(key, credential, decoded(GENERATED[name])))


@pytest.mark.parametrize("name", EXPECTED)
def test_an_envelope_opens(name: str) -> None:
    roots = RootKeys(ring_from(own_secret("llmkeys-envelope"), "envelope"))
    (namespace,) = objects("namespaces.yaml").values()
    uid = CREDENTIALS[name]["metadata"]["uid"]
    text = decoded(GENERATED[name])["envelope"].decode()

    opened = decode_content(open_envelope(text, roots, namespace["metadata"]["uid"], uid))

    assert {field: value.decode() for field, value in opened.items()} == EXPECTED[name]
    assert envelope_header(text).binding.sequence == CREDENTIALS[name]["status"]["target"]["sequence"]


def test_a_sealed_value_opens() -> None:
    pairs = SealingKeys(ring_from(own_secret("llmkeys-sealing"), "sealing"))
    (entry,) = CREDENTIALS["sealed"]["spec"]["keys"]

    assert open_sealed(entry["sealed"]["apiKey"], pairs).decode() == EXPECTED["sealed"]["OPENAI_API_KEY"]
    assert public_keys_from(own_config_map(PUBLIC_KEYS)).active.key_id == pairs.active.key_id


def test_the_authority_of_the_unsealer_is_read() -> None:
    bundle = CREDENTIALS["sealed"]["status"]["unsealer"]["caBundle"]
    assert authorities_from(own_secret("llmkeys-unsealer-ca")).bundle() == bundle


def test_the_records_of_a_bootstrap_are_read() -> None:
    plan = plan_from(1, record("llmkeys-bootstrap-plan-1"))
    receipt = receipt_from(1, record("llmkeys-bootstrap-receipt-1"))

    assert [one.reference for one in plan.objects] == [one.reference for one in receipt.objects]
    assert receipt.count(Outcome.CREATED) == 1
    assert notes_from(1, record("llmkeys-bootstrap-notes-1")).finished

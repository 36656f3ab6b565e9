"""What lies in etcd: all of it is read, and searched for keys and for the means to open envelopes."""

import base64
import json
import os
import re
import secrets
import urllib.request
from collections.abc import Iterator

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, DEFAULT_NAMESPACE
from llmkeys.crypto.envelope import RootKey, open_envelope
from llmkeys.crypto.errors import DecryptFailedError
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import install
from tests.support.cluster_source import EXISTING_VARIABLE
from tests.support.sealing import envelope, sealed_entry
from tests.support.stage import CANARY, Stage, traces
from tests.support.world import World

KEY_BYTES = 32
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}={0,2}")
OWN_SECRETS = f"/registry/secrets/{DEFAULT_NAMESPACE}/"


@pytest.fixture(scope="module", params=[False, True], ids=["rings in clear", "rings wrapped"])
def wrapped(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def at_rest(wrapped: bool, shared_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster of its own, whose etcd holds nothing that another module has put there in clear."""
    if os.environ.get(EXISTING_VARIABLE):
        pytest.skip(f"{EXISTING_VARIABLE} is set: the etcd of a cluster that is not ours cannot be read")
    folder = tmp_path_factory.mktemp("at-rest")
    kek = folder / "kek"
    kek.write_bytes(secrets.token_bytes(KEY_BYTES))
    plane = ControlPlane.start(lambda _: None)
    try:
        install(plane)
        on = Stage(plane, shared_stage.simulator, folder)
        arguments = (f"--keyring-kek={kek}",) if wrapped else ()
        with on.at_work(*arguments):
            yield World(on, plane.new_namespace(), "at-rest-")
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def content(at_rest: World) -> dict[str, bytes]:
    """Everything in etcd, after a sealed key was proven, delivered, replaced and withdrawn."""
    provider = at_rest.provider("openai")
    for name in ("delivered", "replaced", "withdrawn"):
        entry = sealed_entry(at_rest, provider, name, at_rest.key())
        at_rest.credential(name, provider, entries=[entry], target={"encryption": "Envelope"})
        at_rest.wait(name, ready="True", reason="Verified")
    entry = sealed_entry(at_rest, provider, "replaced", at_rest.key())
    at_rest.change("replaced", keys=[entry])
    at_rest.change("withdrawn", enabled=False)
    at_rest.wait("replaced", ready="True", reason="Verified")
    at_rest.wait("withdrawn", ready="False", reason="Disabled")
    return everything(at_rest.stage.plane)


def everything(plane: ControlPlane) -> dict[str, bytes]:
    """All keys and values of etcd (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/)."""
    zero = base64.b64encode(b"\0").decode()
    body = json.dumps({"key": zero, "range_end": zero}).encode()
    with urllib.request.urlopen(f"{plane.etcd}/v3/kv/range", body, timeout=60) as answer:  # noqa: S310 - plain http on loopback
        pairs = json.load(answer)["kvs"]
    return {base64.b64decode(one["key"]).decode(): base64.b64decode(one.get("value", "")) for one in pairs}


def test_no_key_lies_in_etcd(content: dict[str, bytes]) -> None:
    searched = [trace.encode() for trace in traces(CANARY)]

    assert any(name.startswith(OWN_SECRETS) for name in content)
    assert [name for name, value in content.items() if any(trace in value for trace in searched)] == []


def test_only_rings_in_clear_open_an_envelope(content: dict[str, bytes], at_rest: World, *, wrapped: bool) -> None:
    text = envelope(at_rest, "delivered")
    uid = at_rest.object(CREDENTIAL_KIND, "delivered")["metadata"]["uid"]
    found = {material for name, value in content.items() if name.startswith(OWN_SECRETS) for material in keys_in(value)}

    assert any(opens(text, material, uid) for material in found) is not wrapped


def keys_in(value: bytes) -> Iterator[bytes]:
    """Everything as long as a key: in the bytes as they are, and in what is base64 there."""
    for whole in (value, *(decoded(match[0]) for match in BASE64.finditer(value))):
        for start in range(len(whole) - KEY_BYTES + 1):
            yield whole[start : start + KEY_BYTES]


def decoded(text: bytes) -> bytes:
    bare = text.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(bare[: len(bare) - (len(bare) % 4 == 1)] + b"=" * (-len(bare) % 4))


def opens(text: str, material: bytes, uid: str) -> bool:
    try:
        open_envelope(text, lambda key_id: RootKey(key_id, material), None, uid)
    except DecryptFailedError:
        return False
    return True


def test_what_is_published_for_everybody_is_there(content: dict[str, bytes]) -> None:
    assert f"/registry/configmaps/{DEFAULT_NAMESPACE}/llmkeys-public-keys" in content

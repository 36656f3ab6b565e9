"""Go's standard library as the other implementation: it opens what we seal, and we open what it seals."""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmkeys.crypto.envelope import EnvelopeBinding, RootKey, seal_envelope
from llmkeys.crypto.header import Binding, Header
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.sealing import open_sealed, seal
from tests.support.cluster_build import locked, run_visibly
from tests.support.cluster_build import toolchain as go_toolchain
from tests.support.cluster_source import ClusterUnavailableError, cache_folder

MODULE = Path(__file__).parents[2] / "interop"
VECTORS = Path(__file__).parents[2] / "vectors"
BINDING = Binding("seal", "credential", "team-a", "chat", "apiKey", "https://api.openai.com:443", "envelope")
ROOT = RootKey("0123456789abcdef", bytes(range(32)))

Go = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def go() -> Go:
    """Our Go program, built once into the cache: give it a request, get its answer."""
    sources = b"\0".join((MODULE / name).read_bytes() for name in ("go.mod", "main.go"))
    cache = cache_folder(os.environ)
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / f"interop-{hashlib.sha256(sources).hexdigest()[:12]}"
    with locked(cache / "interop.lock", log=print, waiting_for="another process that builds it"):
        if not binary.is_file():
            build(binary, cache)

    def ask(**request: object) -> dict[str, Any]:
        ran = subprocess.run([binary], input=json.dumps(request, default=encoded).encode(), capture_output=True)  # noqa: S603, PLW1510
        assert ran.returncode == 0, ran.stderr.decode()
        return json.loads(ran.stdout)

    return ask


def build(binary: Path, cache: Path) -> None:
    try:
        compiler, environ = go_toolchain(cache, environ=os.environ, log=print)
    except ClusterUnavailableError as error:
        pytest.skip(f"there is no Go here: {error}")
    staged = binary.with_suffix(".staged")
    run_visibly(
        [compiler, "build", "-trimpath", "-buildvcs=false", "-o", staged, "."],
        title="go build of the interoperability test",
        folder=MODULE,
        environ={**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        output=cache / "interop.log",
        log=print,
    )
    staged.rename(binary)


def encoded(content: object) -> str:
    assert isinstance(content, bytes)
    return base64.b64encode(content).decode()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_each_opens_what_the_other_seals(go: Go, seed: bytes, plaintext: bytes) -> None:
    pair = PrivateKey(seed)
    texts = [seal(pair.public, BINDING, plaintext), seal(pair.public, BINDING, b"another")]
    header = Header(pair.public.key_id, BINDING).encode()

    answer = go(Seed=seed, Sealed=texts, Header=header, Plaintext=plaintext)

    assert base64.b64decode(answer["public"]) == pair.public.raw
    assert [base64.b64decode(opened) for opened in answer["opened"]] == [plaintext, b"another"]
    assert open_sealed(answer["sealed"], {pair.public.key_id: pair}.__getitem__) == plaintext


def test_go_opens_an_envelope(go: Go) -> None:
    text = seal_envelope(ROOT, EnvelopeBinding("namespace-uid", "credential-uid", 7), b'{"A":"b"}')
    assert go(Seed=bytes(32), Root=ROOT.material, Envelopes=[text])["unwrapped"] == [encoded(b'{"A":"b"}')]


def test_go_agrees_with_every_vector(go: Go) -> None:
    pairs, sealed, envelopes = (
        json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("keypairs", "sealed", "envelopes")
    )
    for vector in pairs:
        public = base64.b64decode(go(Seed=bytes.fromhex(vector["seed"]))["public"])
        assert public == PrivateKey(bytes.fromhex(vector["seed"])).public.raw
        assert hashlib.sha256(public).hexdigest()[:16] == vector["key_id"]
    for vector in sealed:
        opened = go(Seed=bytes.fromhex(vector["seed"]), Sealed=[vector["text"]])["opened"]
        assert opened == [encoded(vector["plaintext"].encode())]
    for vector in envelopes:
        answer = go(Seed=bytes(32), Root=bytes.fromhex(vector["root"]), Envelopes=[vector["text"]])
        assert answer["unwrapped"] == [encoded(vector["plaintext"].encode())]

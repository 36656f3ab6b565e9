from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmkeys.client.content import Opened
from llmkeys.client.errors import EnvelopeOutdatedError, EnvelopeRefusedError, IdentityError, UnsealError
from llmkeys.client.local import open_with
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.recipients import seal_to_recipients

CONTENT = {"A": b"text", "B": b"\xff"}


@pytest.fixture(scope="module")
def private() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture(scope="module")
def identity(private: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("identity") / "key"
    path.write_text(private.reveal() + "\n")
    return path


@pytest.fixture(scope="module")
def text(private: PrivateKey) -> str:
    binding = EnvelopeBinding("namespace-uid", "credential-uid", 4)
    publics = [PrivateKey.generate().public, private.public]
    return seal_to_recipients(publics, binding, encode_content(CONTENT)).decode()


def test_a_recipient_opens_what_is_his(identity: Path, text: str) -> None:
    assert open_with(identity, text, 0) == Opened(CONTENT, 4)


def test_an_older_delivery_than_the_last_is_refused(identity: Path, text: str) -> None:
    with pytest.raises(EnvelopeOutdatedError):
        open_with(identity, text, 5)


def test_the_key_of_somebody_else_opens_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(PrivateKey.generate().reveal())
    with pytest.raises(IdentityError, match="other recipients"):
        open_with(path, text, 0)


@pytest.mark.parametrize("there", [None, b"", b"\xff", b"llmkeys-private-1:secretbutshort"])
def test_a_file_that_holds_no_key_is_said_and_not_shown(text: str, tmp_path: Path, there: bytes | None) -> None:
    path = tmp_path / "key"
    if there is not None:
        path.write_bytes(there)
    with pytest.raises(IdentityError) as caught:
        open_with(path, text, 0)
    assert "secretbutshort" not in str(caught.value)


def test_without_a_key_the_option_is_named(text: str) -> None:
    with pytest.raises(IdentityError, match="--identity"):
        open_with(None, text, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(garbage=st.text() | st.lists(st.text() | st.integers()).map(str))
def test_garbage_is_an_error_of_ours(identity: Path, garbage: str) -> None:
    with pytest.raises(UnsealError):
        open_with(identity, "[" + garbage, 0)


def test_a_changed_delivery_does_not_open(identity: Path, text: str) -> None:
    with pytest.raises(EnvelopeRefusedError):
        open_with(identity, text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:], 0)


@pytest.mark.parametrize("plaintext", [b"", b"[1]", b'{"A": 1}', b"[" * 40_000, b"\xff"], ids=lambda text: text[:8])
def test_a_delivery_that_holds_something_else_is_refused(private: PrivateKey, identity: Path, plaintext: bytes) -> None:
    """Whoever has the public key can have sealed it."""
    sealed = seal_to_recipients([private.public], EnvelopeBinding("namespace-uid", "credential-uid", 1), plaintext)
    with pytest.raises(EnvelopeRefusedError):
        open_with(identity, sealed.decode(), 0)

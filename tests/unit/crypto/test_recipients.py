import base64
import hashlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.crypto.errors import (
    BindingInvalidError,
    DecryptFailedError,
    EnvelopeMalformedError,
    EnvelopeMisplacedError,
    KeyUnknownError,
)
from llmkeys.crypto.header import Binding, Place, Purpose, mismatch
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.recipients import (
    MAX_RECIPIENTS,
    open_for_recipient,
    recipient_binding,
    recipients_delivery,
    recipients_digest,
    seal_to_recipients,
)
from llmkeys.crypto.sealing import header_of, seal

HOLDERS = [PrivateKey(bytes([number]) * 32) for number in range(4)]
PUBLICS = [holder.public for holder in HOLDERS]
STRANGER = PrivateKey(b"s" * 32)
BINDING = EnvelopeBinding("namespace-uid", "credential-uid", 7)
CANARY = b'{"OPENAI_API_KEY":"sk-canary"}'
DELIVERY = seal_to_recipients(PUBLICS, BINDING, CANARY)


@pytest.mark.parametrize("holder", HOLDERS)
def test_each_holder_opens_the_list_and_so_the_text_of_their_own(holder: PrivateKey) -> None:
    own = json.loads(DELIVERY)[HOLDERS.index(holder)]
    assert open_for_recipient(holder, DELIVERY) == CANARY
    assert open_for_recipient(holder, DELIVERY.decode(), "namespace-uid", "credential-uid", 7) == CANARY
    assert open_for_recipient(holder, own) == CANARY


def test_nobody_else_opens_it() -> None:
    with pytest.raises(KeyUnknownError, match=STRANGER.public.key_id):
        open_for_recipient(STRANGER, DELIVERY)


def test_the_binding_stands_in_every_header() -> None:
    for text in json.loads(DELIVERY):
        header = header_of(text)
        assert recipient_binding(header) == BINDING
        assert header.binding.delivery == recipients_delivery(PUBLICS)


def test_a_holder_who_knows_the_place_gets_nothing_of_another() -> None:
    with pytest.raises(EnvelopeMisplacedError, match="namespace"):
        open_for_recipient(HOLDERS[0], DELIVERY, namespace_uid="other")
    with pytest.raises(EnvelopeMisplacedError, match="credential"):
        open_for_recipient(HOLDERS[0], DELIVERY, credential_uid="other")
    with pytest.raises(EnvelopeMisplacedError, match="older"):
        open_for_recipient(HOLDERS[0], DELIVERY, lowest_sequence=8)


def test_a_delivery_is_no_sealed_value_of_a_manifest() -> None:
    header = header_of(json.loads(DELIVERY)[0])
    place = Place("namespace-uid", "credential-uid", "7", {"any"}, recipients_delivery(PUBLICS))
    assert mismatch(header, place) == "SealedForOtherScope"


@pytest.mark.parametrize(("purpose", "field"), [("seal", "7"), ("recipient", "07"), ("recipient", "apiKey")])
def test_a_sealed_value_is_no_delivery(purpose: str, field: str) -> None:
    binding = Binding(purpose, "credential", "team-a", "chat", field, "any", "any")
    with pytest.raises(EnvelopeMalformedError):
        open_for_recipient(HOLDERS[0], seal(PUBLICS[0], binding, CANARY))


def test_a_sequence_that_is_too_high_is_malformed() -> None:
    binding = Binding(Purpose.RECIPIENT, "credential", "team-a", "chat", str(2**63), "any", "any")
    with pytest.raises(EnvelopeMalformedError):
        open_for_recipient(HOLDERS[0], seal(PUBLICS[0], binding, CANARY))


def test_a_changed_text_does_not_open() -> None:
    own = json.loads(DELIVERY)[0]
    with pytest.raises(DecryptFailedError):
        open_for_recipient(HOLDERS[0], own[:-4] + "AAAA")


@given(st.permutations(PUBLICS))
def test_the_digest_is_that_of_the_set(publics: list) -> None:
    assert recipients_digest(publics) == recipients_digest(PUBLICS)
    assert recipients_digest([*publics, publics[0]]) == recipients_digest(PUBLICS)
    assert recipients_digest(publics[:-1]) != recipients_digest(PUBLICS)


def test_the_digest_covers_whole_keys_and_not_their_ids() -> None:
    joined = b"".join(sorted(public.raw for public in PUBLICS))
    expected = base64.urlsafe_b64encode(hashlib.sha256(joined).digest()[:24]).decode()
    assert {recipients_digest(order) for order in itertools.permutations(PUBLICS)} == {expected}


def test_a_recipient_named_twice_gets_one_text() -> None:
    assert len(json.loads(seal_to_recipients([PUBLICS[0], PUBLICS[1], PUBLICS[0]], BINDING, CANARY))) == 2


def test_a_delivery_has_a_recipient_and_not_too_many() -> None:
    with pytest.raises(BindingInvalidError):
        seal_to_recipients([], BINDING, CANARY)
    many = [PrivateKey(bytes([number]) * 32).public for number in range(MAX_RECIPIENTS + 1)]
    with pytest.raises(BindingInvalidError):
        seal_to_recipients(many, BINDING, CANARY)


@given(st.text(max_size=60) | st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"[" + tail))
def test_any_other_text_is_malformed_or_for_nobody(text: str | bytes) -> None:
    with pytest.raises((EnvelopeMalformedError, KeyUnknownError)):
        open_for_recipient(HOLDERS[0], text)


def test_what_is_too_large_or_too_long_is_malformed() -> None:
    with pytest.raises(EnvelopeMalformedError, match="too large"):
        open_for_recipient(HOLDERS[0], b"[" + b" " * (MAX_RECIPIENTS + 1) * 64 * 1024)
    with pytest.raises(EnvelopeMalformedError, match="more than"):
        open_for_recipient(HOLDERS[0], json.dumps([""] * (MAX_RECIPIENTS + 1)))

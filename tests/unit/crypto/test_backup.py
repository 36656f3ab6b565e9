import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.crypto.backup import MAX_BACKUP_BYTES, ScryptCost, backup, restore_backup
from llmkeys.crypto.errors import (
    BackupMalformedError,
    DecryptFailedError,
    KeyUnknownError,
    WrongPassphraseError,
)
from llmkeys.crypto.keypair import PrivateKey

CHEAP = ScryptCost(log2_n=4)
PASSPHRASE = "correct horse"
HOLDER = PrivateKey(bytes(range(32)))
ITEMS = {"llmkeys-sealing": b'{"version":1}', "receipt": b"\xff\x00", "canary": b"sk-canary"}
TEXT = backup(ITEMS, passphrase=PASSPHRASE, cost=CHEAP)
FOR_HOLDER = backup(ITEMS, recipient=HOLDER.public)


def body(text: bytes) -> bytes:
    return base64.b64decode(b"".join(text.split(b"\n")[1:-2]))


def armoured(content: bytes) -> bytes:
    return b"-----BEGIN LLMKEYS BACKUP-----\n%s\n-----END LLMKEYS BACKUP-----\n" % base64.b64encode(content)


def test_a_backup_for_a_passphrase_costs_128_mib_a_try_and_opens() -> None:
    text = backup(ITEMS, passphrase=PASSPHRASE)
    assert body(text)[:5] == bytes((1, 1, 17, 8, 1))
    assert restore_backup(text, passphrase=PASSPHRASE) == ITEMS


def test_a_backup_for_a_recipient_opens_with_their_key() -> None:
    assert body(FOR_HOLDER)[2:10].hex() == HOLDER.public.key_id
    assert restore_backup(FOR_HOLDER, private=HOLDER) == ITEMS


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=9), st.binary(max_size=40), max_size=3), st.text(min_size=1, max_size=9))
def test_any_items_come_back(items: dict[str, bytes], passphrase: str) -> None:
    assert restore_backup(backup(items, passphrase=passphrase, cost=CHEAP), passphrase=passphrase) == items


def test_a_backup_may_be_larger_than_an_envelope() -> None:
    items = {"receipts": bytes(200_000)}
    assert restore_backup(backup(items, recipient=HOLDER.public), private=HOLDER) == items


def test_it_is_a_text_file_of_short_lines_and_survives_editors() -> None:
    assert re.fullmatch(rb"-----BEGIN LLMKEYS BACKUP-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END .*-----\n", TEXT)
    assert restore_backup(b"\n " + TEXT.replace(b"\n", b"\r\n"), passphrase=PASSPHRASE) == ITEMS
    assert b"canary" not in TEXT


def test_how_a_keyboard_composes_a_letter_does_not_matter() -> None:
    assert restore_backup(backup(ITEMS, passphrase="schl\u00fcssel", cost=CHEAP), passphrase="schlu\u0308ssel") == ITEMS


def test_two_backups_of_the_same_never_look_alike() -> None:
    assert backup(ITEMS, passphrase=PASSPHRASE, cost=CHEAP) != TEXT
    assert backup(ITEMS, recipient=HOLDER.public) != FOR_HOLDER


def test_a_wrong_passphrase_is_said_to_be_so() -> None:
    with pytest.raises(WrongPassphraseError, match="passphrase is wrong") as refusal:
        restore_backup(TEXT, passphrase="wrong-canary")
    assert "canary" not in str(refusal.value)


def test_it_is_said_what_would_open_it() -> None:
    with pytest.raises(WrongPassphraseError, match=f"private key of {HOLDER.public.key_id}"):
        restore_backup(FOR_HOLDER, passphrase=PASSPHRASE)
    with pytest.raises(WrongPassphraseError, match="opens with its passphrase"):
        restore_backup(TEXT, private=HOLDER)
    with pytest.raises(KeyUnknownError, match=HOLDER.public.key_id):
        restore_backup(FOR_HOLDER, private=PrivateKey(bytes(32)))


def test_every_bit_counts() -> None:
    content = body(TEXT)
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((WrongPassphraseError, BackupMalformedError)):
            restore_backup(armoured(bytes(changed)), passphrase=PASSPHRASE)


def test_every_byte_counts_for_a_recipient() -> None:
    content = body(FOR_HOLDER)
    for byte in range(len(content)):
        changed = bytearray(content)
        changed[byte] ^= 1 << byte % 8
        with pytest.raises((WrongPassphraseError, BackupMalformedError, KeyUnknownError, DecryptFailedError)):
            restore_backup(armoured(bytes(changed)), private=HOLDER)


@pytest.mark.parametrize("cost", [(19, 8, 1), (17, 9, 1), (17, 8, 5), (0, 8, 1), (17, 0, 1), (17, 8, 0), (255,) * 3])
def test_a_backup_that_asks_for_too_much_memory_gets_none(cost: tuple[int, int, int]) -> None:
    content = body(TEXT)
    with pytest.raises(BackupMalformedError, match="memory"):
        restore_backup(armoured(content[:2] + bytes(cost) + content[5:]), passphrase=PASSPHRASE)


@given(st.binary(max_size=80) | st.binary(max_size=80).map(armoured))
def test_any_file_is_malformed(text: bytes) -> None:
    with pytest.raises((BackupMalformedError, WrongPassphraseError)):
        restore_backup(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT[:-2],
        TEXT + b"x",
        TEXT.replace(b"LLMKEYS", b"OTHER"),
        TEXT.replace(b"\n", b"\n=", 1),
        armoured(b""),
        armoured(b"\x01\x03" + bytes(80)),
        armoured(b"\x02\x01" + bytes(80)),
        TEXT + b"\n" * MAX_BACKUP_BYTES,
    ],
)
def test_what_is_no_backup_is_malformed(text: bytes) -> None:
    with pytest.raises(BackupMalformedError):
        restore_backup(text, passphrase=PASSPHRASE)


@pytest.mark.parametrize("given", [{}, {"passphrase": ""}, {"passphrase": "p", "recipient": HOLDER.public}])
def test_a_backup_is_for_a_passphrase_or_for_a_recipient(given: dict) -> None:
    with pytest.raises(ValueError, match="either"):
        backup(ITEMS, **given)

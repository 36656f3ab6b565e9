"""Recorded bytes: they fail when a library, or we, change what stands in Git and in Secrets already."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from llmkeys.crypto.backup import restore_backup
from llmkeys.crypto.content import decode_content, encode_content
from llmkeys.crypto.envelope import EnvelopeBinding, RootKey, envelope_header, open_envelope, seal_envelope
from llmkeys.crypto.header import Binding, Header
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.recipients import open_for_recipient, recipients_digest
from llmkeys.crypto.ring import ring_data, ring_from
from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.crypto.wrapping import Wrapper

FOLDER = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors(name), ids=lambda vector: vector["about"])


@each("keypairs")
def test_a_seed_is_the_same_key_pair_for_ever(vector: dict[str, str]) -> None:
    pair = PrivateKey(bytes.fromhex(vector["seed"]))
    assert pair.public.text() == vector["public"]
    assert pair.public.key_id == vector["key_id"]
    assert pair.reveal() == vector["private"]
    assert PublicKey.parse(vector["public"]) == pair.public


@each("sealed")
def test_a_value_sealed_long_ago_opens(vector: dict[str, Any]) -> None:
    pair = PrivateKey(bytes.fromhex(vector["seed"]))
    header = Header(vector["key_id"], Binding(**vector["binding"]))
    assert header_of(vector["text"]) == header
    assert header.encode().hex() == vector["header"]
    assert open_sealed(vector["text"], {pair.public.key_id: pair}.__getitem__).decode() == vector["plaintext"]


@each("envelopes")
def test_an_envelope_is_the_same_text_for_the_same_salt(vector: dict[str, Any]) -> None:
    root = RootKey(vector["key_id"], bytes.fromhex(vector["root"]))
    binding = EnvelopeBinding(**vector["binding"])
    salt, plaintext = bytes.fromhex(vector["salt"]), vector["plaintext"].encode()
    assert seal_envelope(root, binding, plaintext, lambda _: salt) == vector["text"]
    assert envelope_header(vector["text"]).encode().hex() == vector["header"]
    opened = open_envelope(vector["text"], {root.key_id: root}.__getitem__, None, binding.credential_uid)
    assert opened == plaintext


@each("contents")
def test_a_content_is_the_same_bytes(vector: dict[str, Any]) -> None:
    data = {name: base64.b64decode(value) for name, value in vector["data"].items()}
    assert encode_content(data).decode() == vector["content"]
    assert decode_content(vector["content"].encode()) == data


@each("deliveries")
def test_a_delivery_to_recipients_opens(vector: dict[str, Any]) -> None:
    holders = [PrivateKey(bytes.fromhex(seed)) for seed in vector["seeds"]]
    assert recipients_digest(holder.public for holder in holders) == vector["digest"]
    for holder in holders:
        opened = open_for_recipient(holder, json.dumps(vector["texts"]), *vector["place"])
        assert opened.decode() == vector["plaintext"]


@each("rings")
def test_a_ring_is_read_and_written_as_it_was(vector: dict[str, Any]) -> None:
    data = {"ring.json": vector["stored"].encode()}
    assert ring_data(ring_from(data, vector["purpose"])) == data
    wrapper, salt = Wrapper(bytes.fromhex(vector["kek"])), bytes.fromhex(vector["salt"])
    wrapped = {"ring.enc": base64.b64decode(vector["wrapped"])}
    assert wrapper.wrap(data, vector["purpose"], lambda _: salt) == wrapped
    assert wrapper.unwrap(wrapped, vector["purpose"]) == data


@each("backups")
def test_a_backup_made_long_ago_is_restored(vector: dict[str, Any]) -> None:
    text = "\n".join(vector["text"]).encode()
    private = PrivateKey(bytes.fromhex(vector["seed"])) if "seed" in vector else None
    items = restore_backup(text, passphrase=vector.get("passphrase"), private=private)
    assert items == {name: value.encode() for name, value in vector["items"].items()}


def test_the_page_on_the_format_shows_the_vectors() -> None:
    page = "".join((FOLDER.parents[1] / "docs" / "envelope.md").read_text(encoding="utf-8").split())
    envelope, sealed = vectors("envelopes")[0], vectors("sealed")[0]
    for shown in (envelope["text"], envelope["plaintext"], envelope["salt"], sealed["text"].rsplit(".", 1)[0]):
        assert shown in page

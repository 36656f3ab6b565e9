import json

from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.ring import Ring
from llmkeys.kube.public_keys import public_keys_data


def test_the_active_key_comes_first_and_all_that_open_follow_the_newest_first() -> None:
    ring = Ring.first("sealing", 1_800_000_000.0).rotate(1_800_000_100.0).rotate(1_800_000_200.0)
    oldest, middle, active = (key.key_id for key in ring.keys)

    data = public_keys_data(ring.compromise(middle, 0.0))

    keys = json.loads(data["keys.json"])
    assert [(key["id"], key["state"]) for key in keys] == [
        (active, "active"),
        (middle, "compromised"),
        (oldest, "decryptOnly"),
    ]
    assert keys[0]["created"] == "2027-01-15T08:03:20Z"
    assert data["sealing"].decode() == keys[0]["key"]
    assert [PublicKey.parse(key["key"]).key_id for key in keys] == [active, middle, oldest]


def test_a_retired_key_is_told_to_nobody() -> None:
    ring = Ring.first("sealing", 1.0).rotate(2.0)
    retired = ring.keys[0].key_id
    assert retired not in public_keys_data(ring.retire(retired))["keys.json"].decode()


def test_nothing_of_a_private_key_is_published() -> None:
    ring = Ring.first("sealing", 1.0)
    text = b"".join(public_keys_data(ring).values())
    assert ring.active.material not in text
    assert ring.active.material.hex().encode() not in text

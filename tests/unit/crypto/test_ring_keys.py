import pytest

from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import mac_key, mac_key_of


def test_a_mac_key_is_found_by_its_version_until_it_is_gone() -> None:
    first = Ring.first("mac", 1.0)
    ring = first.rotate(2.0)

    assert mac_key_of(ring, 1) == MacKey(1, first.active.material)
    assert mac_key_of(ring, 2) == mac_key(ring)
    assert mac_key_of(ring, 3) is None
    assert mac_key_of(ring.retire("1"), 1) is None


def test_a_ring_for_something_else_has_no_mac_keys() -> None:
    with pytest.raises(ValueError, match="not one for mac"):
        mac_key_of(Ring.first("envelope", 1.0), 1)

import pytest

from llmkeys.api.objects import Key
from llmkeys.crypto.ring import Ring, RingPurpose
from llmkeys.kube.ring_use import CredentialUse, Traces, concerned_by, traces_of


def use(
    name: str = "chat",
    *,
    created: float = 0.0,
    sealed_to: frozenset[str] = frozenset(),
    sealed_with: str = "",
    envelope: bool = True,
    delivered: bool = False,
) -> CredentialUse:
    return CredentialUse(Key("team-a", name), created, sealed_to, sealed_with, envelope, delivered)


def test_a_credential_needs_the_keys_that_it_was_sealed_to_and_with() -> None:
    one = use(sealed_to=frozenset({"a"}), sealed_with="b")
    assert one.needs("sealing", "a")
    assert one.needs("envelope", "b")
    assert not one.needs("sealing", "b")
    assert not one.needs("envelope", "a")


def test_no_credential_needs_an_old_mac_version() -> None:
    assert not use(delivered=True).needs("mac", "1")


def test_what_tenants_write_is_no_trace_of_a_ring() -> None:
    assert traces_of([use(sealed_to=frozenset({"0123456789abcdef"}))]) == Traces()


@pytest.mark.parametrize(
    ("seen", "purposes"), [(use(sealed_with="b"), {"envelope"}), (use(delivered=True), {"mac"}), (use(), set())]
)
def test_what_our_status_says_is_a_trace(seen: CredentialUse, purposes: set[RingPurpose]) -> None:
    traces = traces_of([use(), seen])
    assert {one for one in ("sealing", "envelope", "mac") if traces.names(one)} == purposes


def test_of_a_compromised_sealing_key_those_are_concerned_that_are_sealed_to_it() -> None:
    ring = Ring.first("sealing", 1.0)
    key_id = ring.active.key_id
    uses = [use("a", sealed_to=frozenset({key_id})), use("b", sealed_to=frozenset({"other"}))]
    assert concerned_by("sealing", ring, key_id, uses) == uses[:1]


def test_of_a_compromised_envelope_key_all_are_concerned_that_were_there_in_its_time() -> None:
    ring = Ring.first("envelope", 100.0)
    key_id = ring.active.key_id
    ring = ring.compromise(key_id, 200.0)
    before = use("before", created=50.0, sealed_with=ring.active.key_id)
    within = use("within", created=150.0)
    after = use("after", created=250.0, sealed_with=ring.active.key_id)
    in_clear = use("in-clear", created=50.0, envelope=False)

    assert concerned_by("envelope", ring, key_id, [before, within, after, in_clear]) == [before, within]


def test_of_the_active_envelope_key_everybody_is_concerned() -> None:
    ring = Ring.first("envelope", 100.0)
    assert concerned_by("envelope", ring, ring.active.key_id, [use(created=900.0)]) == [use(created=900.0)]


def test_a_compromised_mac_key_gives_no_key_away() -> None:
    assert concerned_by("mac", Ring.first("mac", 1.0), "1", [use(delivered=True)]) == []

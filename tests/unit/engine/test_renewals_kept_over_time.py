"""Files whose access token is renewed: what is kept of them, for how long, and what is left as it was."""

from llmkeys.api.objects import Key
from llmkeys.crypto.ring import Ring
from llmkeys.engine.renewed_book import MOST_FILES
from tests.unit.engine.doubles import ACCEPTED
from tests.unit.engine.renewal_world import LIFE, Renewing, message
from tests.unit.engine.virtual import run, until
from tests.unit.engine.world import DAY, HOUR


def test_what_is_kept_shows_nothing_and_neither_does_anything_else() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            assert world.renewed.data
            shown = (str(world.renewed.data), str(world.status(chat)), str(world.cluster.events), *world.net.printed)
            assert not any(word in text for text in shown for word in ("access-", "refresh-", "resource_url"))

    run(story())


def test_the_source_is_never_written_and_its_fingerprint_stays() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            source = world.cluster.secrets[Key("team", "raw")].version
            fingerprint = world.status(chat).keys[0].fingerprint
            await until(DAY)
            assert len(world.renewals) > 2
            assert world.cluster.secrets[Key("team", "raw")].version == source
            assert world.status(chat).keys[0].fingerprint == fingerprint

    run(story())


def test_an_envelopes_sequence_rises_with_each_renewal_and_only_then() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing()
            world.file(LIFE)
            chat = world.enveloped({"name": "main", "secretRef": {"name": "raw"}})
            await until(2)
            first = world.sequence(chat)
            await until(LIFE - 400)
            assert world.sequence(chat) == first
            await until(LIFE)
            assert world.sequence(chat) == first + 1

    run(story())


def test_a_replaced_source_starts_over() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            world.net.answers["fresh"] = ACCEPTED
            world.file(LIFE, refresh="fresh-refresh", access_token="fresh")
            await until(70)
            assert world.delivered_file(chat)["access_token"] == "fresh"
            world.net.refresh = "fresh-refresh"
            await until(LIFE)
            assert world.net.asked[-1][1] == "fresh-refresh"
            assert world.delivered_file(chat)["access_token"] == "access-2"

    run(story())


def test_what_belongs_to_no_credential_is_kept_for_one_that_comes_back() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(2)
            assert world.renewed.data is not None
            first = set(world.renewed.data)
            gone = Key("team", "chat")
            del world.cluster.credentials[gone]
            world.engine.credential_gone(gone)
            world.net.refresh = "refresh-b"
            world.file(-HOUR, source="other", refresh="refresh-b")
            world.credential("other", sources=("other",))
            await until(10)
            assert len(world.renewed.data) == 2
            assert first < set(world.renewed.data)
            asked = len(world.net.asked)
            chat = world.credential()
            await until(20)
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert len(world.net.asked) == asked

    run(story())


def test_a_deleted_secret_is_put_back_from_memory() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.renewed.data = None
            await until(2 * LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1", "refresh-2"]
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_write_puts_back_all_that_was_in_a_deleted_secret() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(HOUR)
            world.net.refresh = "refresh-b"
            world.file(-HOUR, source="other", refresh="refresh-b")
            world.credential("other", sources=("other",))
            await until(2 * HOUR)
            assert world.renewed.data
            there = set(world.renewed.data)
            assert len(there) == 2
            world.renewed.data, world.net.refresh = None, "refresh-1"
            await until(5.5 * HOUR)
            assert len(world.net.asked) == 3
            assert set(world.renewed.data or ()) == there

    run(story())


def test_a_new_sealing_key_has_everything_sealed_anew_and_the_old_one_can_go() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            old = world.sealing.active.key_id
            world.rings(sealing=world.sealing.rotate(2.0))
            await until(3)
            assert world.renewed.data
            assert all(old.encode() not in sealed for sealed in world.renewed.data.values())
            world.rings(sealing=world.sealing.retire(old))
            await world.restart()
            await until(LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1"]
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_what_does_not_open_is_as_if_it_was_not_there() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.sealing = Ring.first("sealing", 1.0)
            await world.restart()
            world.file(-HOUR, note="touched")
            await until(120)
            assert [token for _, token in world.net.asked][1:] == ["refresh-0"] * 2, "a look, confirmed once"
            assert world.seen(chat).condition("Ready").reason == "Expired"

    run(story())


def test_a_full_secret_costs_no_refresh_token_and_is_said() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(2)
            assert world.renewed.data
            ((place, sealed),) = world.renewed.data.items()
            owner = place.partition(".")[0]
            world.renewed.data |= {f"{owner}.{number}": sealed for number in range(MOST_FILES)}
            world.file(-HOUR, source="late", refresh="refresh-late")
            late = world.credential("late", sources=("late",))
            await until(20)
            assert "refresh-late" not in {token for _, token in world.net.asked}
            assert str(world.seen(late)) == "ProbeRefused: Reconciling"
            assert "llmkeys-renewed has no room" in message(world, late)

    run(story())

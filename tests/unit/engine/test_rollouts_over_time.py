"""Workloads that are restarted for what was delivered, over the hours in which keys and operators change."""

from itertools import pairwise

import msgspec
import pytest

from llmkeys.api.objects import Key
from llmkeys.api.rollout import RolloutReason, WorkloadRef
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring import Ring
from llmkeys.engine.effects import ApiUnavailableError
from tests.unit.engine.doubles import REFUSED
from tests.unit.engine.virtual import run
from tests.unit.engine.workloads_world import WEB, Stood, WorkloadsWorld
from tests.unit.engine.world import HOUR, World, until

OTHER = WorkloadRef("StatefulSet", "other")


# -- when it is restarted -----------------------------------------------------------------------------------------


def test_a_first_delivery_restarts_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            assert world.memory.restarts == []
            assert world.told(key).reason == RolloutReason.UP_TO_DATE
            assert world.told(key).delivered == world.status(key).target.content != ""

    run(story())


@pytest.mark.parametrize("encryption", ["None", "Envelope"])
def test_another_key_restarts_it_once(encryption: str) -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling(encryption=encryption)
            await until(60)
            world.change("new")
            await until(61)
            assert world.memory.times() == [60]
            assert world.is_told(key)
            assert world.told(key).reason == RolloutReason.ROLLED_OUT
            assert world.told(key).delivered == world.status(key).target.content
            await until(3 * HOUR)
            assert world.memory.times() == [60]

    run(story())


def test_it_is_restarted_only_when_the_secret_holds_the_new_value() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.net.takes = 5.0
            world.change("new")
            await until(64)
            assert world.delivered(key) == "old"
            assert world.memory.restarts == []
            await until(70)
            assert world.delivered(key) == "new"
            assert len(world.memory.restarts) == 1

    run(story())


def test_another_form_of_the_same_delivery_restarts_it_only_if_workloads_read_something_else() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.rolling()
            await until(60)
            world.credential(sources=("raw-chat",), target=world.target(encryption="Envelope"))
            await until(120)
            assert world.memory.restarts == []
            world.credential(sources=("raw-chat",), target=world.target(format="JSON"))
            await until(180)
            assert world.memory.times() == [120]

    run(story())


def test_nothing_that_leaves_the_content_as_it_is_restarts_anything() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling(encryption="Envelope")
            await until(60)
            written = len(world.cluster.writes)
            world.rings(envelope=Ring.first("envelope", 1.0))
            await until(120)
            world.rings(sealing=Ring.first("sealing", 1.0))
            stored = world.cluster.secrets[Key("team", "chat-out")]
            stored.data, stored.version = {}, world.cluster.next_version()
            world.engine.generated_seen(Key("team", "chat-out"), stored.meta)
            await until(180)
            assert len(world.cluster.writes) >= written + 2, "it was neither sealed anew nor healed"
            await world.restart()
            await until(2 * HOUR)
            assert world.memory.restarts == []
            assert world.told(key).reason == RolloutReason.UP_TO_DATE

    run(story())


def test_another_mac_key_restarts_nothing_and_forgets_nothing_that_is_owed() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            owed = world.rolling("a", "owed")
            await until(60)
            world.memory.there[WEB].paused = True
            world.change("b", "owed")
            await until(90)
            assert world.told(owed).reason == RolloutReason.PAUSED
            world.mac = MacKey(2, bytes(32))
            await world.restart()
            await until(2 * HOUR)
            assert world.memory.restarts == []
            assert world.told(key).delivered == world.status(key).target.content
            world.memory.there[WEB].paused = False
            await until(3 * HOUR)
            assert len(world.memory.restarts) == 1
            assert world.told(owed).reason == RolloutReason.ROLLED_OUT

    run(story())


def test_a_withdrawal_restarts_nothing_and_the_delivery_after_it_does() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.credential(enabled=False, sources=("raw-chat",), target=world.target())
            await until(120)
            assert world.delivered(key) == ""
            assert world.memory.restarts == []
            world.change("new")
            world.credential(sources=("raw-chat",), target=world.target())
            await until(180)
            assert world.memory.times() == [120]

    run(story())


def test_the_same_value_after_a_withdrawal_restarts_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.credential(enabled=False, sources=("raw-chat",), target=world.target())
            await until(120)
            world.credential(sources=("raw-chat",), target=world.target())
            await until(180)
            assert world.delivered(key) == "old"
            assert world.memory.restarts == []

    run(story())


def test_a_first_delivery_while_the_workload_is_looked_at_is_not_forgotten() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.memory.takes = 5.0
            key = world.credential(sources=("raw-chat",), target=world.target())
            await until(2)
            assert world.seen(key).condition("Ready").reason == "SourceNotFound"
            world.change("old")
            await until(60)
            assert world.told(key).delivered == world.status(key).target.content != ""
            world.change("new")
            await until(120)
            assert len(world.memory.restarts) == 1

    run(story())


# -- who is named -------------------------------------------------------------------------------------------------


def test_naming_a_workload_later_restarts_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            world.credential(sources=("raw-chat",), target={"encryption": "None", "name": "chat-out"})
            await until(60)
            assert world.status(key).rollout is None
            world.credential(sources=("raw-chat",), target=world.target())
            await until(120)
            assert world.memory.restarts == []
            assert world.told(key).reason == RolloutReason.UP_TO_DATE
            world.change("newer")
            await until(180)
            assert world.memory.times() == [120]

    run(story())


def test_a_change_that_comes_with_the_naming_restarts_it() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            world.credential(sources=("raw-chat",), target={"encryption": "None", "name": "chat-out"})
            await until(60)
            await world.engine.stop()
            world.change("new")
            world.credential(sources=("raw-chat",), target=world.target())
            await world.restart()
            await until(120)
            assert world.memory.times() == [60]
            assert world.delivered(key) == "new"

    run(story())


def test_a_workload_that_is_named_no_more_is_left_as_it_is() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.memory.there[OTHER] = Stood()
            key = world.rolling()
            world.credential(sources=("raw-chat",), target=world.target("chat", "0s", WEB, OTHER))
            await until(60)
            world.change("new")
            await until(120)
            annotation = world.memory.there[WEB].delivered
            assert len(world.memory.restarts) == 2
            world.credential(sources=("raw-chat",), target=world.target("chat", "0s", OTHER))
            await until(180)
            world.change("newer")
            await until(240)
            assert world.memory.there[WEB].delivered == annotation
            assert len(world.memory.times(OTHER)) == 2
            rollout = world.status(key).rollout
            assert rollout is not None
            assert [one.ref for one in rollout.targets] == [OTHER]

    run(story())


# -- how often ----------------------------------------------------------------------------------------------------


def test_between_two_rollouts_there_is_the_interval_and_the_last_change_wins() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling(interval="10m")
            await until(60)
            for number in range(5):
                world.change(f"new-{number}")
                await until(100 + number * 40)
            assert world.memory.times() == [60]
            assert world.told(key).reason == RolloutReason.WAITING
            assert "2027-01-15T08:11:01Z, 10m after its last rollout" in world.told(key).message
            await until(2 * HOUR)
            assert world.memory.times() == [60, 661]
            assert world.is_told(key)
            assert world.told(key).reason == RolloutReason.ROLLED_OUT

    run(story())


def test_what_is_changed_back_in_the_meantime_restarts_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling(interval="10m")
            await until(60)
            world.change("new")
            await until(90)
            world.change("newer")
            await until(120)
            world.change("new")
            await until(HOUR)
            assert world.memory.times() == [60]
            assert world.told(key).reason == RolloutReason.UP_TO_DATE

    run(story())


def test_the_interval_outlives_the_operator() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.rolling(interval="10m")
            await until(60)
            world.change("new")
            await until(90)
            world.change("newer")
            await until(120)
            await world.restart()
            await until(HOUR)
            assert world.memory.times() == [60, 661]

    run(story())


def test_several_credentials_of_a_workload_share_its_restarts() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            keys = [world.rolling(f"old-{name}", name) for name in ("chat", "search", "speech")]
            await until(60)
            for name in ("chat", "search", "speech"):
                world.change(f"new-{name}", name)
            await until(2 * HOUR)
            # The first serves those whose Secrets were written by then; all others share one, an interval later.
            assert len(world.memory.restarts) <= 2
            assert all(later - sooner >= 600 for sooner, later in pairwise(world.memory.times()))
            for key in keys:
                assert world.is_told(key)
                assert world.told(key).reason == RolloutReason.ROLLED_OUT

    run(story())


def test_who_is_served_by_the_restart_of_another_is_told_so_at_once() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            keys = [world.rolling("old", "chat", "10m"), world.rolling("other", "search", "2h")]
            await until(60)
            world.change("new", "search")
            await until(100)
            for name in ("chat", "search"):
                world.change(f"newer-{name}", name)
            await until(600)
            assert [world.told(key).reason for key in keys] == ["Waiting", "Waiting"]
            await until(663)
            assert world.memory.times() == [60, 661]
            assert [world.told(key).reason for key in keys] == ["RolledOut", "RolledOut"]
            assert all(map(world.is_told, keys))

    run(story())


# -- what stands in the way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hindrance", [RolloutReason.ON_DELETE, RolloutReason.PARTITIONED, RolloutReason.NO_TEMPLATE], ids=str
)
def test_a_workload_for_which_it_would_be_useless_is_not_touched(hindrance: RolloutReason) -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.memory.there[WEB].hindrance = hindrance
            key = world.rolling()
            await until(60)
            assert world.told(key).reason == hindrance
            world.change("new")
            await until(120)
            assert world.memory.restarts == []
            assert world.told(key).reason == hindrance
            world.memory.there[WEB].hindrance = None
            await until(HOUR)
            assert len(world.memory.restarts) == 1

    run(story())


def test_a_paused_workload_is_restarted_when_that_is_over() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.there[WEB].paused = True
            world.change("new")
            await until(HOUR)
            assert world.memory.restarts == []
            assert world.told(key).reason == RolloutReason.PAUSED
            assert world.events_of(key) == ["Paused"]
            world.memory.there[WEB].paused = False
            await until(HOUR + 400)
            assert len(world.memory.restarts) == 1
            assert world.events_of(key) == ["Paused", "RolledOut"]

    run(story())


def test_one_that_is_not_there_is_told_and_found_when_it_comes() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            stood = world.memory.there.pop(WEB)
            key = world.rolling()
            await until(60)
            assert world.told(key).reason == RolloutReason.NOT_FOUND
            assert world.told(key).message.startswith("There is no Deployment web here.")
            assert world.events_of(key) == ["WorkloadNotFound"]
            # It is made after the new value is there, and has read it.
            world.change("new")
            await until(400)
            world.memory.there[WEB] = stood
            await until(HOUR)
            assert world.told(key).reason == RolloutReason.UP_TO_DATE
            assert world.memory.restarts == []
            world.change("newer")
            await until(HOUR + 60)
            assert len(world.memory.restarts) == 1

    run(story())


@pytest.mark.parametrize("reason", [RolloutReason.FORBIDDEN, RolloutReason.KIND_NOT_SERVED], ids=str)
def test_one_that_cannot_be_read_is_told_once_and_tried_again(reason: RolloutReason) -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.memory.unread[WEB] = reason
            key = world.rolling()
            await until(HOUR)
            assert world.told(key).reason == reason
            assert world.events_of(key) == [reason.value]
            assert 10 < world.memory.reads < 25
            assert len(world.patches_of(key)) <= 3
            world.memory.unread.clear()
            await until(2 * HOUR)
            assert world.told(key).reason == RolloutReason.UP_TO_DATE

    run(story())


def test_a_right_that_comes_later_lets_what_is_owed_happen() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.unread[WEB] = RolloutReason.FORBIDDEN
            world.change("new")
            await until(HOUR)
            assert world.told(key).reason == RolloutReason.FORBIDDEN
            world.memory.unread.clear()
            await until(HOUR + 400)
            assert len(world.memory.restarts) == 1

    run(story())


def test_a_refusal_is_told_and_tried_again() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.refusal = RolloutReason.REFUSED
            world.change("new")
            await until(HOUR)
            assert world.told(key).reason == RolloutReason.REFUSED
            world.memory.refusal = None
            await until(HOUR + 400)
            assert len(world.memory.restarts) == 1
            assert world.events_of(key) == ["Refused", "RolledOut"]

    run(story())


@pytest.mark.parametrize(("conflicts", "reason"), [(2, "RolledOut"), (9, "Conflict")])
def test_one_that_is_being_changed_is_read_again(conflicts: int, reason: str) -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.conflicts = conflicts
            world.change("new")
            await until(62)
            assert world.told(key).reason == reason
            await until(HOUR)
            assert world.told(key).reason == RolloutReason.ROLLED_OUT
            assert len(world.memory.restarts) == 1

    run(story())


def test_an_api_server_that_is_away_holds_up_no_delivery_and_loses_no_rollout() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.failures = [ApiUnavailableError("away") for _ in range(4)]
            world.change("new")
            await until(61)
            assert world.delivered(key) == "new"
            await until(HOUR)
            assert len(world.memory.restarts) == 1
            assert world.told(key).reason == RolloutReason.ROLLED_OUT

    run(story())


def test_a_workload_that_cannot_be_made_sense_of_is_no_trouble_of_the_others() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.memory.there[OTHER] = Stood()
            world.rolling()
            world.credential(sources=("raw-chat",), target=world.target("chat", "0s", OTHER, WEB))
            await until(60)
            world.memory.broken.add(OTHER)
            world.change("new")
            await until(120)
            assert len(world.memory.times(WEB)) == 1
            world.memory.broken.clear()
            await until(HOUR)
            assert len(world.memory.times(OTHER)) == 1

    run(story())


def test_a_credential_of_the_same_name_inherits_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.takes = 30.0
            world.change("new")
            await until(62)
            world.delete(key)
            world.change("another")
            world.credential(sources=("raw-chat",), target=world.target())
            await until(80)
            assert world.delivered(key) == "another"
            world.memory.takes = 0.01
            await until(HOUR)
            assert world.told(key).delivered == world.status(key).target.content
            assert world.told(key).reason == RolloutReason.UP_TO_DATE

    run(story())


def test_a_status_that_is_written_meanwhile_by_others_loses_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.change("new")
            await until(60.06)
            world.cluster.failures.append(ApiUnavailableError("away"))
            await until(120)
            assert not world.cluster.failures
            assert len(world.memory.restarts) == 1
            assert world.told(key).reason == RolloutReason.ROLLED_OUT
            assert world.events_of(key) == ["RolledOut"]

    run(story())


def test_what_happens_to_a_credential_meanwhile_has_no_workload_read() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.there[WEB].paused = True
            world.change("new")
            await until(HOUR)
            reads = world.memory.reads
            for number in range(20):
                stood = world.cluster.credentials[key]
                version = str(world.cluster.next_version())
                again = msgspec.structs.replace(
                    stood, metadata=msgspec.structs.replace(stood.metadata, resource_version=version)
                )
                world.cluster.credentials[key] = again
                world.engine.credential_seen(again)
                await until(HOUR + number)
            assert world.memory.reads <= reads + 1

    run(story())


# -- when operators die -------------------------------------------------------------------------------------------


def test_an_operator_that_dies_before_the_restart_leaves_it_to_the_next() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.failures = [ApiUnavailableError("away")]
            world.change("new")
            await until(61)
            assert world.delivered(key) == "new"
            assert world.memory.restarts == []
            await world.restart()
            await until(62)
            assert len(world.memory.restarts) == 1

    run(story())


def test_an_operator_that_dies_before_the_status_has_the_next_see_the_new_content_and_restart_it() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.cluster.failures = [ApiUnavailableError("away") for _ in range(50)]
            world.change("new")
            await until(61)
            assert world.delivered(key) == "new"
            world.cluster.failures.clear()
            await world.restart()
            await until(120)
            assert len(world.memory.restarts) == 1
            assert world.is_told(key)

    run(story())


def test_an_operator_that_dies_after_the_restart_has_the_next_repeat_nothing() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            key = world.rolling()
            await until(60)
            world.memory.hangs = True
            world.change("new")
            await until(61)
            assert len(world.memory.restarts) == 1
            assert world.told(key).reason == RolloutReason.UP_TO_DATE
            world.memory.hangs = False
            await world.restart()
            await until(62)
            assert world.told(key).reason == RolloutReason.ROLLED_OUT
            await until(2 * HOUR)
            assert len(world.memory.restarts) == 1

    run(story())


def test_a_restart_of_the_operator_reads_no_workload() -> None:
    async def story() -> None:
        async with WorkloadsWorld() as world:
            world.rolling()
            await until(60)
            world.change("new")
            await until(120)
            reads, patches = world.memory.reads, len(world.cluster.patches)
            await world.restart()
            await until(HOUR)
            assert world.memory.reads == reads
            assert len(world.cluster.patches) == patches

    run(story())


# -- when rollouts are off ----------------------------------------------------------------------------------------


def test_without_rollouts_the_status_says_how_to_switch_them_on_and_no_more() -> None:
    async def story() -> None:
        async with WorkloadsWorld(on=False) as world:
            key = world.rolling()
            await until(HOUR)
            assert world.told(key).reason == RolloutReason.SWITCHED_OFF
            assert "rollouts.enabled=true" in world.told(key).message
            assert world.events_of(key) == ["RolloutsOff"]
            patches = len(world.patches_of(key))
            await world.restart()
            await until(2 * HOUR)
            assert len(world.patches_of(key)) == patches

    run(story())


def test_what_is_owed_when_rollouts_are_switched_on_is_made_up_for() -> None:
    async def story() -> None:
        async with WorkloadsWorld(on=False) as world:
            quiet = world.rolling("good", "quiet")
            key = world.rolling()
            await until(60)
            world.change("new")
            await until(120)
            assert world.told(key).reason == RolloutReason.SWITCHED_OFF
            world.workloads = world.memory
            await world.restart()
            await until(180)
            assert world.memory.times() == [120]
            assert world.told(key).reason == RolloutReason.ROLLED_OUT
            assert world.told(quiet).reason == RolloutReason.UP_TO_DATE

    run(story())


def test_a_credential_without_targets_has_no_such_status() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["good"] = REFUSED
            key = world.simple("good")
            await until(60)
            assert world.status(key).rollout is None

    run(story())

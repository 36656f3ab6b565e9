"""What a bootstrap does and what it tells: edits, refusals, missing rights, bad days."""

import contextlib

import pytest

from llmkeys.bootstrap.records import Outcome, Settled, record_name
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.engine.bootstrap import BORN_WITHIN, IDLE, LONGEST_WAIT
from llmkeys.engine.bootstrap_effects import InputObject
from llmkeys.engine.bootstrap_notes import NoteBook
from llmkeys.engine.bootstrap_planning import Planner, Records
from tests.unit.engine.bootstrap_world import (
    CANARY,
    CATALOGUE,
    PRIVATE,
    ApiServer,
    Connection,
    Killed,
    Operator,
    Ring,
    at_once,
    look,
)
from tests.unit.engine.virtual import START, HandClock, run

PROVIDER = "- {apiVersion: llmkeys.dev/v1alpha1, kind: LLMProvider, metadata: {name: openai}, spec: {type: openai}}\n"


def credential(name: str = "chat", value: str = CANARY, provider: str = "openai") -> str:
    return (
        f"- apiVersion: llmkeys.dev/v1alpha1\n  kind: LLMCredential\n  metadata: {{name: {name}, namespace: team-a}}\n"
        f"  spec: {{providerRef: {{name: {provider}}}, keys: [{{name: main, value: '{value}'}}]}}\n"
    )


TEMPLATE = PROVIDER + credential()
CHAT = "LLMCredential/team-a/chat"


def server(text: str = TEMPLATE, entry: str = "bootstrap.yaml", **variables: str) -> ApiServer:
    api = ApiServer()
    api.hand_over(text, asked=0, entry=entry, **variables)
    return api


def consumed(text: str = TEMPLATE) -> ApiServer:
    api = server(text)
    assert look(api) == IDLE
    assert api.receipt().number == 1
    api.writes.clear()
    return api


def writes_of_a_look(api: ApiServer) -> list[str]:
    api.writes.clear()
    look(api)
    return api.writes


def test_keys_are_sealed_for_the_operator_and_bound_to_place_and_host() -> None:
    api = consumed()
    text = api.objects["LLMCredential", "team-a", "chat"].spec["keys"][0]["sealed"]["apiKey"]
    binding = header_of(text).binding
    assert (binding.namespace, binding.name, binding.field) == ("team-a", "chat", "apiKey")
    assert binding.audience == "https://api.openai.com"
    assert open_sealed(text, lambda _: PRIVATE).decode() == CANARY


def test_nothing_of_a_key_is_in_any_record_event_or_object() -> None:
    api = consumed()
    api.hand_over(PROVIDER + credential(value=f"{CANARY}-other"))
    look(api)
    assert CANARY not in api.everything()


def test_the_records_of_a_run_never_change_and_its_notes_are_emptied() -> None:
    api = consumed()
    assert api.immutable == {record_name("plan", 1), record_name("receipt", 1)}
    assert api.notes().finished
    assert not api.notes().settled


def test_without_an_input_it_reads_and_waits() -> None:
    api = ApiServer()
    assert look(api) == IDLE
    assert api.attempts == ["get configmaps/exposed", "get secrets"]


def test_a_restart_after_the_receipt_reads_a_handful_and_writes_nothing() -> None:
    api = consumed()
    api.attempts.clear()
    assert look(api) == IDLE
    assert api.attempts == [
        "get configmaps/exposed",
        "get secrets",
        "list configmaps",
        "get configmaps",
        "get configmaps",
    ]


def test_a_restart_does_not_even_read_a_template_that_was_not_edited() -> None:
    api = consumed()
    before = api.input
    api.hand_over("\tnot a template at all")
    assert api.input is not None
    assert before is not None
    broken = api.input.data
    api.input = before
    assert writes_of_a_look(api) == []
    api.change_input(data=broken)
    assert writes_of_a_look(api)  # an edit, which is told


def test_an_edit_changes_nothing_and_is_told_once_entry_by_entry() -> None:
    api = consumed(TEMPLATE + credential("gone"))
    objects = dict(api.objects)
    api.hand_over(PROVIDER + credential(value=f"{CANARY}-2") + credential("added"))
    assert look(api) == IDLE
    told = api.told("BootstrapIgnored")
    assert len(told) == 1
    for part in (
        "LLMCredential/team-a/added (added)",
        f"{CHAT} (changed)",
        "LLMCredential/team-a/gone (gone)",
        "--again",
    ):
        assert part in told[0]
    assert api.objects == objects
    assert api.notes().ignored
    assert api.stories()[0].ignored
    api.events.clear()  # they do not live for ever
    assert writes_of_a_look(api) == []
    assert not api.events


def test_of_many_differences_ten_are_named_and_the_rest_is_counted() -> None:
    api = consumed()
    api.hand_over(TEMPLATE + "".join(credential(f"c{index:02}") for index in range(13)))
    look(api)
    told = api.told("BootstrapIgnored")[0]
    assert "c09 (added) and 3 more" in told
    assert "c10" not in told


def test_an_edit_that_makes_the_template_unreadable_is_an_ignored_edit_too() -> None:
    api = consumed()
    api.hand_over("a: [")
    look(api)
    assert "cannot be used" in api.told("BootstrapIgnored")[0]
    assert not api.told("BootstrapInvalid")


def test_another_comment_is_no_edit() -> None:
    api = consumed()
    api.hand_over("# as before\n" + TEMPLATE)
    look(api)
    assert not api.told("BootstrapIgnored")


def test_an_edit_after_which_the_template_asks_for_the_same_again_is_not_reported_any_more() -> None:
    api = consumed()
    api.hand_over(TEMPLATE + credential("added"))
    look(api)
    assert api.notes().ignored is not None
    api.hand_over("# as before\n" + TEMPLATE)
    look(api)
    assert api.notes().ignored is None


def test_an_edit_that_is_taken_back_is_not_reported_any_more() -> None:
    api = consumed()
    before = api.input
    api.hand_over(TEMPLATE + credential("added"))
    look(api)
    api.input = before
    look(api)
    assert api.notes().ignored is None


@pytest.mark.parametrize("data", [{}, {"OPENAI": b"left over"}])
def test_an_emptied_secret_is_no_edit(data: dict[str, bytes]) -> None:
    api = consumed()
    api.change_input(data=data)
    assert writes_of_a_look(api) == []


def test_an_edit_is_seen_although_the_mac_key_was_replaced_and_no_edit_is_made_up() -> None:
    api = consumed()
    ring = Ring()
    ring.macs[2] = MacKey(2, bytes(32))
    api.writes.clear()
    look(api, ring=ring)
    assert api.writes == []
    api.hand_over(TEMPLATE + credential("added"))
    look(api, ring=ring)
    assert "added (added)" in api.told("BootstrapIgnored")[0]


def test_what_a_user_deletes_stays_deleted() -> None:
    api = consumed()
    api.delete(CHAT)
    assert writes_of_a_look(api) == []
    assert ("LLMCredential", "team-a", "chat") not in api.objects


def test_asked_again_it_creates_only_what_is_missing_with_a_receipt_of_its_own() -> None:
    api = consumed()
    api.delete(CHAT)
    api.change_input(asked=2)
    assert look(api) == IDLE
    assert api.outcomes(2) == {"Namespace/team-a": "exists", "LLMProvider/openai": "exists", CHAT: "created"}
    assert writes_of_a_look(api) == []


@pytest.mark.parametrize("asked", [1, 3, 999])
def test_only_the_very_next_number_is_a_request(asked: int) -> None:
    api = consumed()
    api.change_input(asked=asked)
    assert writes_of_a_look(api) == []


def test_a_second_run_that_was_begun_ends_although_nobody_asks_any_more() -> None:
    api = consumed()
    api.delete(CHAT)
    api.change_input(asked=2)
    api.denied.add("create llmcredentials")
    look(api)
    api.denied.clear()
    api.change_input(asked=0)
    assert look(api) == IDLE
    assert api.outcomes(2)[CHAT] == "created"


def test_restored_rings_without_a_receipt_refuse_until_told() -> None:
    api = server()
    api.mac_created = START + BORN_WITHIN + 1
    assert look(api) == IDLE
    assert not api.objects
    assert "restored" in api.told("BootstrapWaiting")[0]
    assert api.stories()[0].waiting
    api.attempts.clear()
    look(api)
    assert not [one for one in api.attempts if one.startswith(("create", "patch"))]
    api.change_input(asked=1)
    look(api)
    assert api.outcomes()[CHAT] == "created"


def test_rings_born_here_need_not_be_told() -> None:
    api = server()
    api.mac_created = START + BORN_WITHIN
    look(api)
    assert api.outcomes()[CHAT] == "created"


def test_restored_rings_with_their_plan_go_on_where_it_ended() -> None:
    api = server()
    api.denied.add("create llmcredentials")
    look(api)
    assert api.config_maps.keys() >= {record_name("plan", 1)}
    api.denied.clear()
    api.mac_created = START + BORN_WITHIN + 1
    look(api)
    assert api.outcomes()[CHAT] == "created"


def test_restored_rings_with_their_receipt_are_nothing_special() -> None:
    api = consumed()
    api.mac_created = START + BORN_WITHIN + 1
    assert writes_of_a_look(api) == []


@pytest.mark.parametrize(
    "text", ["a:\n\t- b", "a: 1\na: 2", "- ${NOT_SET}", "", PROVIDER + credential(value="${UNSET}")]
)
def test_an_invalid_template_creates_nothing_and_is_told_once_for_each_version(text: str) -> None:
    api = server(text)
    assert look(api) == IDLE
    assert not api.objects
    assert len(api.told("BootstrapInvalid")) == 1
    assert writes_of_a_look(api) == []
    api.hand_over(text + "\n# another attempt")
    look(api)
    assert len(api.told("BootstrapInvalid")) == 2
    api.hand_over(TEMPLATE)
    look(api)
    assert api.outcomes()[CHAT] == "created"
    assert api.stories()[0].waiting is None


def test_several_templates_in_one_secret_are_refused_by_name() -> None:
    api = server(**{"service_conf.yaml": TEMPLATE})
    look(api)
    assert "bootstrap.yaml, service_conf.yaml" in api.told("BootstrapInvalid")[0]


def test_a_template_in_a_config_map_is_refused_and_the_secret_is_not_affected() -> None:
    api = server()
    api.exposed = InputObject("ConfigMap", "own", "llmkeys-bootstrap", "uid-2", "7")
    look(api)
    assert "ConfigMap" in api.told("BootstrapInvalid")[0]
    assert api.outcomes()[CHAT] == "created"
    operator = Operator(api)
    api.writes.clear()
    run(operator.look())
    assert api.writes == []
    assert operator.bootstrap.is_current("ConfigMap", "7")


def test_variables_come_from_the_secret_before_the_environment() -> None:
    text = PROVIDER + credential(value="${A}-${B}")
    api = server(text, A="of-the-secret")
    look(api, environment={"LLMKEYS_VAR_A": "of-the-environment", "LLMKEYS_VAR_B": "b", "B": "not ours"})
    sealed = api.objects["LLMCredential", "team-a", "chat"].spec["keys"][0]["sealed"]["apiKey"]
    assert open_sealed(sealed, lambda _: PRIVATE) == b"of-the-secret-b"


def test_parts_that_are_not_taken_over_are_in_plan_and_receipt() -> None:
    api = server(TEMPLATE + credential("lost", provider="nobody"))
    look(api)
    left = api.receipt().left
    assert [one.what for one in left] == ["LLMCredential team-a/lost"]
    assert "1 parts not taken over" in api.told("BootstrapDone")[0]


# -- bad days ------------------------------------------------------------------------------------------------------


def test_a_missing_right_is_named_the_others_go_on_and_a_grant_finishes_it() -> None:
    api = server()
    api.denied.add("create llmcredentials")
    operator = Operator(api)
    waits = [run(operator.look()) for _ in range(9)]
    assert waits[:3] == [1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_WAIT
    assert ("LLMProvider", "", "openai") in api.objects
    assert len(api.told("BootstrapWaiting")) == 1
    assert "create llmcredentials: forbidden" in api.told("BootstrapWaiting")[0]
    assert operator.witness.waiting
    api.denied.clear()
    assert run(operator.look()) == IDLE
    assert api.outcomes()[CHAT] == "created"
    assert not operator.witness.waiting


def test_who_may_not_create_namespaces_can_use_one_that_is_there() -> None:
    api = server()
    api.add("Namespace/team-a")
    api.denied.add("create namespaces")
    assert look(api) == IDLE
    assert api.outcomes() == {"Namespace/team-a": "exists", "LLMProvider/openai": "created", CHAT: "created"}


def test_without_the_right_to_keep_records_nothing_is_made_and_it_says_so() -> None:
    api = server()
    api.denied.add("create configmaps")
    assert look(api) == 1.0
    assert not api.objects
    assert "create configmaps: forbidden" in api.told("BootstrapWaiting")[0]
    api.denied.clear()
    look(api)
    assert api.outcomes()[CHAT] == "created"


def test_without_the_right_to_post_events_it_works_all_the_same() -> None:
    api = server()
    api.denied.add("create events")
    assert look(api) == IDLE
    assert api.outcomes()[CHAT] == "created"


def test_an_api_server_that_goes_away_half_way_is_waited_for() -> None:
    api = server()
    operator = Operator(api)
    api.away = True
    assert run(operator.look()) == 1.0
    assert run(operator.look()) == 2.0
    api.away = False
    assert run(operator.look()) == IDLE
    assert set(api.created.values()) == {1}


def test_a_namespace_that_is_going_is_waited_for_and_made_again() -> None:
    api = server()
    api.add("Namespace/team-a", terminating=True)
    assert look(api) == 1.0
    assert "namespace team-a is being deleted" in api.told("BootstrapWaiting")[0]
    api.delete("Namespace/team-a")
    assert look(api) == IDLE
    assert api.outcomes() == {"Namespace/team-a": "created", "LLMProvider/openai": "created", CHAT: "created"}


def test_a_namespace_that_was_made_and_deleted_stays_deleted_with_what_belongs_in_it() -> None:
    api = server()
    api.denied.add("create llmcredentials")
    look(api)
    api.delete("Namespace/team-a")
    api.denied.clear()
    assert look(api) == IDLE
    assert api.outcomes()[CHAT] == "refused"
    assert ("Namespace", "", "team-a") not in api.objects


def test_in_a_namespace_that_was_refused_nothing_is_made_even_if_somebody_else_makes_it() -> None:
    api = server()
    api.refused.add("Namespace/team-a")
    api.denied.add("create llmproviders")  # so that the run is not over
    look(api)
    api.add("Namespace/team-a")
    api.denied.clear()
    look(api)
    assert api.outcomes()[CHAT] == "refused"
    line = next(one for one in api.receipt().objects if one.reference == CHAT)
    assert line.detail == "Its namespace could not be made."


def test_when_all_is_made_the_receipt_follows_whatever_became_of_the_template() -> None:
    api = server()
    for kill_at in range(1, 80):
        api = server()
        with contextlib.suppress(Killed):
            look(api, kill_at=kill_at)
        if len(api.notes().settled) == 3:
            break
    assert record_name("receipt", 1) not in api.config_maps
    api.hand_over("a: [")
    assert look(api) == IDLE
    assert api.outcomes()[CHAT] == "created"


def test_of_two_plans_and_two_receipts_the_first_one_counts() -> None:
    async def story() -> None:
        api = server()
        records = Records(Connection(api), HandClock())
        planner = Planner(Connection(api), CATALOGUE, {}, at_once)
        assert api.input is not None
        first = await records.keep_plan(1, await planner.wanted(api.input, Ring().mac()))
        api.hand_over(TEMPLATE + credential("added"))
        other = await planner.wanted(api.input, Ring().mac())
        assert other.lines != first.objects
        assert await records.keep_plan(1, other) == first
        settled = dict.fromkeys(range(3), Settled(Outcome.CREATED))
        receipt = await records.keep_receipt(first, settled)
        assert await records.keep_receipt(first, dict.fromkeys(range(3), Settled(Outcome.EXISTS))) == receipt

    run(story())


def test_notes_of_two_operators_stand_side_by_side_and_the_first_word_counts() -> None:
    async def story() -> None:
        api = ApiServer()
        one, other = NoteBook(Connection(api), 1), NoteBook(Connection(api), 1)
        await one.read()
        await other.read()
        await one.settle(0, Settled(Outcome.CREATED))
        await other.settle(1, Settled(Outcome.EXISTS))
        await other.settle(0, Settled(Outcome.REFUSED))
        assert api.notes().settled == {0: Settled(Outcome.CREATED), 1: Settled(Outcome.EXISTS)}

    run(story())


def test_a_template_that_is_changed_half_way_makes_what_is_still_as_planned() -> None:
    api = server(PROVIDER + credential() + credential("other"))
    api.denied.add("create llmcredentials")
    look(api)
    api.denied.clear()
    api.hand_over(PROVIDER + credential() + credential("other", f"{CANARY}-2") + credential("added"))
    look(api)
    assert api.outcomes()[CHAT] == "created"
    assert api.outcomes()["LLMCredential/team-a/other"] == "refused"
    line = next(one for one in api.receipt().objects if one.name == "other")
    assert "changed before it was made" in line.detail
    assert ("LLMCredential", "team-a", "added") not in api.objects


def test_a_template_that_is_gone_half_way_is_asked_for() -> None:
    api = server()
    api.denied.add("create llmcredentials")
    look(api)
    api.denied.clear()
    before = api.input
    api.change_input(data={})
    assert look(api) == IDLE
    assert any("The template is gone" in one for one in api.told("BootstrapWaiting"))
    api.input = before
    look(api)
    assert api.outcomes()[CHAT] == "created"


def test_an_object_of_somebody_else_is_left_as_it_is_and_reported() -> None:
    api = server()
    theirs = {"type": "openai", "baseURL": "https://gateway.corp/v1"}
    api.add("LLMProvider/openai", spec=theirs)
    look(api)
    assert api.outcomes()["LLMProvider/openai"] == "differs"
    assert api.objects["LLMProvider", "", "openai"].spec == theirs


def test_where_somebody_deletes_the_notes_half_way_objects_are_known_by_their_label() -> None:
    api = server()
    operator = Operator(api)
    api.denied.add("create llmcredentials")
    run(operator.look())
    del api.config_maps[record_name("notes", 1)]
    api.denied.clear()
    run(operator.look())
    assert set(api.created.values()) == {1}
    assert api.outcomes()["LLMProvider/openai"] == "created"


def test_a_record_that_is_not_ours_stops_it_without_a_write() -> None:
    api = server()
    look(api)
    del api.config_maps[record_name("receipt", 1)]
    found = api.config_maps[record_name("plan", 1)]
    api.config_maps[record_name("plan", 1)] = type(found)(found.resource_version, {"plan.json": b"{}"})
    api.writes.clear()
    operator = Operator(api)
    assert run(operator.look()) == 1.0
    assert api.writes == []
    assert "llmkeys-bootstrap-plan-1" in operator.witness.heard[0]


def test_a_plan_that_somebody_forged_creates_nothing() -> None:
    """Whoever may write ConfigMaps cannot have objects made that the template does not ask for."""
    api = server()
    api.denied.add("create llmcredentials")
    look(api)
    plan = api.config_maps[record_name("plan", 1)]
    forged = plan.data["plan.json"].replace(b'"chat"', b'"evil"')
    api.config_maps[record_name("plan", 1)] = type(plan)(plan.resource_version, {"plan.json": forged})
    api.denied.clear()
    look(api)
    assert api.outcomes()["LLMCredential/team-a/evil"] == "refused"


def test_five_hundred_keys_are_noted_in_far_fewer_writes() -> None:
    api = server(PROVIDER + "".join(credential(f"c{index}") for index in range(100)))
    look(api)
    assert sum(api.created.values()) == 102
    assert api.writes.count("patch configmaps") < 40


def test_what_a_sealed_input_holds_is_taken_as_it_is() -> None:
    first = consumed()
    spec = first.objects["LLMCredential", "team-a", "chat"].spec
    sealed = spec["keys"][0]["sealed"]["apiKey"]
    text = PROVIDER + credential().replace(f"value: '{CANARY}'", f"sealed: {{apiKey: '{sealed}'}}")
    api = server(text, entry="sealed")
    look(api)
    assert api.objects["LLMCredential", "team-a", "chat"].spec == spec
    assert "holds the keys sealed" in api.told("BootstrapDone")[0]

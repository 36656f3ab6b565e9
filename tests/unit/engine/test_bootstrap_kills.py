"""A bootstrap killed before or after any single call, or two at once: nothing is made twice, nothing is lost."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.names import BOOTSTRAP_LABEL
from llmkeys.bootstrap.records import Outcome, plan_from, record_name
from tests.unit.engine.bootstrap_world import CANARY, ApiServer, Killed, Operator, is_idle, look

PROVIDERS = ("openai", "deepseek")
CREDENTIALS = ("team-a/chat", "team-a/search", "team-b/chat")
PLANNED = (
    "Namespace/team-a",
    "Namespace/team-b",
    *(f"LLMProvider/{name}" for name in PROVIDERS),
    *(f"LLMCredential/{name}" for name in CREDENTIALS),
)
MOST_CALLS = 80


def item(kind: str, metadata: str, spec: str) -> str:
    return f"- apiVersion: llmkeys.dev/v1alpha1\n  kind: {kind}\n  metadata: {{{metadata}}}\n  spec: {{{spec}}}\n"


def template() -> str:
    items = [item("LLMProvider", f"name: {name}", f"type: {name}") for name in PROVIDERS]
    for reference in CREDENTIALS:
        namespace, name = reference.split("/")
        keys = f"[{{name: main, value: {CANARY}-{namespace}-{name}}}]"
        spec = f"providerRef: {{name: openai}}, keys: {keys}"
        items.append(item("LLMCredential", f"name: {name}, namespace: {namespace}", spec))
    return "".join(items)


@dataclass
class Scenario:
    """What is there when the bootstrap begins, and what shall come of it.

    Args:
        api: with the input in it.
        outcomes: by reference, of the objects that are not created.
        number: of the bootstrap.
    """

    api: ApiServer
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    number: int = 1
    deleted: set[str] = field(default_factory=set)

    def outcome(self, reference: str) -> Outcome:
        return self.outcomes.get(reference, Outcome.CREATED)


def fresh() -> Scenario:
    api = ApiServer()
    api.hand_over(template())
    return Scenario(api)


def some_exist() -> Scenario:
    scenario = fresh()
    scenario.api.add("Namespace/team-a")
    scenario.api.add("LLMProvider/openai", spec={"type": "openai"})
    scenario.api.add("LLMProvider/deepseek", spec={"type": "deepseek", "baseURL": "https://gateway.corp/v1"})
    scenario.api.add(
        "LLMCredential/team-a/chat",
        spec={"providerRef": {"name": "openai"}, "keys": [{"name": "theirs", "secretRef": {"name": "raw"}}]},
    )
    scenario.outcomes = {
        "Namespace/team-a": Outcome.EXISTS,
        "LLMProvider/openai": Outcome.EXISTS,
        "LLMProvider/deepseek": Outcome.DIFFERS,
        "LLMCredential/team-a/chat": Outcome.DIFFERS,
    }
    return scenario


def some_refused() -> Scenario:
    scenario = fresh()
    for reference in ("LLMCredential/team-a/search", "LLMProvider/deepseek", "Namespace/team-b"):
        scenario.api.refused.add(reference)
        scenario.outcomes[reference] = Outcome.REFUSED
    scenario.outcomes["LLMCredential/team-b/chat"] = Outcome.REFUSED  # its namespace is not there
    return scenario


def again() -> Scenario:
    """A second bootstrap, after somebody has deleted a part of what the first one made."""
    scenario = fresh()
    look(scenario.api)
    for reference in PLANNED:
        scenario.outcomes[reference] = Outcome.EXISTS
    for reference in ("LLMProvider/deepseek", "LLMCredential/team-b/chat"):
        scenario.api.delete(reference)
        del scenario.outcomes[reference]
    scenario.api.created.clear()
    scenario.api.change_input(asked=2)
    scenario.number = 2
    return scenario


SCENARIOS = {"fresh": fresh, "some exist": some_exist, "some refused": some_refused, "again": again}


def delete_something_noted(scenario: Scenario) -> None:
    """A user deletes what the operator has made, once that is noted."""
    plan = scenario.api.config_maps.get(record_name("plan", scenario.number))
    if plan is None or scenario.deleted:
        return
    lines = plan_from(scenario.number, plan.data).objects
    for index, settled in scenario.api.notes(scenario.number).settled.items():
        if settled.outcome is Outcome.CREATED and lines[index].namespace:
            scenario.api.delete(lines[index].reference)
            scenario.deleted.add(lines[index].reference)
            return


def live(scenario: Scenario, kill_at: int, *, before: bool) -> bool:
    """One process from its start to its end; whether it died."""
    operator = Operator(scenario.api, kill_at, before=before)
    try:
        for _ in range(3):
            if is_idle(asyncio.run(operator.look())):
                return False
    except Killed:
        return True
    raise AssertionError(f"it does not come to an end: {operator.witness.heard}")


def check(scenario: Scenario) -> None:
    """Everything was made once, the receipt is true, and nothing more happens."""
    api, number = scenario.api, scenario.number
    assert api.outcomes(number) == {one: scenario.outcome(one).value for one in PLANNED}
    for reference in PLANNED:
        made = scenario.outcome(reference) is Outcome.CREATED
        assert api.created[reference] == int(made), f"{reference}: {api.created[reference]}"
        kind, _, rest = reference.partition("/")
        namespace, _, name = rest.rpartition("/")
        there = api.objects.get((kind, namespace, name))
        assert (there is not None) == (
            scenario.outcome(reference) is not Outcome.REFUSED and reference not in scenario.deleted
        )
        if made and there is not None:
            assert there.labels[BOOTSTRAP_LABEL] == str(number)
    assert api.notes(number).finished
    assert not api.notes(number).settled
    done = [one for one in api.told("BootstrapDone") if one.startswith(f"Bootstrap {number} ")]
    assert len(done) == 1
    assert CANARY not in api.everything()
    written, created = list(api.writes), dict(api.created)
    api.attempts.clear()
    assert is_idle(look(api))
    assert api.writes == written
    assert api.created == created
    assert not [one for one in api.attempts if one.startswith(("create", "patch"))]
    assert len(api.attempts) <= 5, api.attempts


@pytest.mark.parametrize("before", [True, False], ids=["before the call", "after the call"])
@pytest.mark.parametrize("deleting", [False, True], ids=["", "a user deletes"])
@pytest.mark.parametrize("make", SCENARIOS.values(), ids=SCENARIOS)
def test_killed_at_any_call_it_ends_as_if_nothing_had_happened(
    make: Callable[[], Scenario], *, deleting: bool, before: bool
) -> None:
    for kill_at in range(1, MOST_CALLS):
        scenario = make()
        died = live(scenario, kill_at, before=before)
        if deleting:
            delete_something_noted(scenario)
        if died:
            assert not live(scenario, 0, before=before)
        check(scenario)
        if not died:
            assert kill_at > 10
            return
    raise AssertionError("the bootstrap has more calls than were tried")


@given(
    name=st.sampled_from(sorted(SCENARIOS)),
    kills=st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=12),
    deleting=st.booleans(),
)
def test_killed_any_number_of_times_it_ends_the_same(
    name: str, kills: list[tuple[int, bool]], *, deleting: bool
) -> None:
    scenario = SCENARIOS[name]()
    for kill_at, before in kills:
        live(scenario, kill_at, before=before)
        if deleting:
            delete_something_noted(scenario)
    assert not live(scenario, 0, before=True)
    check(scenario)


@given(
    name=st.sampled_from(sorted(SCENARIOS)),
    seed=st.integers(0, 2**32),
    kill_at=st.integers(0, 50),
    before=st.booleans(),
)
def test_two_operators_at_once_act_once_whichever_of_them_dies(
    name: str, seed: int, kill_at: int, *, before: bool
) -> None:
    scenario = SCENARIOS[name]()
    dice = random.Random(seed)  # noqa: S311  chance, no secret

    def turns() -> int:
        return dice.randrange(4)

    async def both() -> None:
        mortal = Operator(scenario.api, kill_at, before=before, turns=turns)
        other = Operator(scenario.api, turns=turns)

        async def until_idle(operator: Operator) -> None:
            for _ in range(20):
                if is_idle(await operator.look()):
                    return
            raise AssertionError(f"it does not come to an end: {operator.witness.heard}")

        ends = await asyncio.gather(until_idle(mortal), until_idle(other), return_exceptions=True)
        assert isinstance(ends[0], Killed | None)
        assert ends[1] is None, ends[1]

    asyncio.run(both())
    check(scenario)


def test_an_object_that_was_deleted_before_it_was_noted_is_made_again() -> None:
    """The one gap: the create was answered, the note was not written, and somebody deleted the object between."""
    scenario = fresh()
    for kill_at in range(1, MOST_CALLS):
        scenario = fresh()
        live(scenario, kill_at, before=False)
        if scenario.api.created["LLMCredential/team-a/chat"]:
            break
    assert not scenario.api.notes().settled.get(PLANNED.index("LLMCredential/team-a/chat"))
    scenario.api.delete("LLMCredential/team-a/chat")
    assert not live(scenario, 0, before=True)
    assert scenario.api.created["LLMCredential/team-a/chat"] == 2

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmkeys.client.errors
from llmkeys.client.errors import UnsealError
from llmkeys.doctor.exit_codes import MEANINGS
from llmkeys.doctor.finding import Finding, Hidden, State
from llmkeys.doctor.pod import PodSeen, findings_of
from llmkeys.doctor.refusals import printable
from tests.unit.doctor.patients import (
    AWAITING,
    BEFORE,
    NAMESPACE,
    WITHDRAWN,
    credential,
    event,
    file_variable,
    pod,
    seen,
    status_of,
)

HIDDEN = Hidden("list events")
MISSING = 'MountVolume.SetUp failed for volume "llmkeys-sealed" : secret "{}" not found'
OPENED = status_of("llmkeys", terminated={"exitCode": 0})


def about(one: PodSeen, what: str) -> Finding:
    (found,) = (finding for finding in findings_of(one) if finding.about == what)
    return found


def wrong(one: PodSeen) -> list[str]:
    return [finding.about for finding in findings_of(one) if finding.state is State.WRONG]


def test_a_pod_that_has_its_key_is_well() -> None:
    one = seen(pod("openai", phase="Running", initContainerStatuses=[OPENED]), credential())
    assert {finding.state for finding in findings_of(one)} == {State.OK}


@pytest.mark.parametrize("labels", [{}, {"llmkeys.dev/inject": "yes"}])
def test_without_the_label_nothing_else_is_said(labels: dict[str, str]) -> None:
    (found,) = findings_of(seen(pod("openai", labels=labels), credential()))
    assert (found.about, found.state) == ("label", State.WRONG)


# ---- what was added


def test_a_pod_older_than_the_policy_is_made_anew() -> None:
    found = about(seen(pod(env=[], created=BEFORE), credential()), "injection")
    assert (found.state, "older than the policy" in found.message) == (State.WRONG, True)
    assert found.help.startswith("kubectl rollout restart")


@pytest.mark.parametrize(
    ("labels", "owners", "workload"),
    [
        ({"pod-template-hash": "7d9f8c6b5"}, [("ReplicaSet", "chat-7d9f8c6b5")], "deployment/chat"),
        ({}, [("ReplicaSet", "chat-by-hand")], "replicaset/chat-by-hand"),
        ({}, [("StatefulSet", "chat")], "statefulset/chat"),
        ({}, [], "KIND/NAME"),
    ],
)
def test_a_command_names_the_workload_of_the_pod(labels: Any, owners: Any, workload: str) -> None:
    one = pod(env=[], created=BEFORE, labels={"llmkeys.dev/inject": "true", **labels}, owners=owners)
    assert about(seen(one, credential()), "injection").help == f"kubectl rollout restart {workload} -n {NAMESPACE}"


@pytest.mark.parametrize("since", ["", "2026-01-01T00:00:00Z"])
def test_a_pod_to_which_nothing_was_added_had_no_policy(since: str) -> None:
    found = about(seen(pod(env=[]), credential(), policy_since=since), "injection")
    assert "no policy was in force" in found.message


def test_a_pod_with_plain_secrets_needs_no_init_container() -> None:
    plain = credential(target={"encryption": "None"})
    variable = {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "openai", "key": "OPENAI_API_KEY"}}}
    one = seen(pod(env=[variable], named="openai"), plain)
    assert about(one, "injection").state is State.NOTE
    assert about(one, "main: OPENAI_API_KEY").message == "It is that of credential openai."
    assert wrong(one) == []


def test_a_named_credential_that_is_not_there_or_gives_nothing_is_wrong() -> None:
    one = seen(pod("openai", named="openai, nope"), credential("openai", *WITHDRAWN))
    assert "There is no LLMCredential nope" in about(one, "credential nope").message
    assert "credential openai" in wrong(one)


def test_what_was_written_into_the_pod_may_be_outdated() -> None:
    moved = credential(secretName="openai-2", unsealer={"address": "https://new.svc", "caBundle": "new"})
    told = {(one.about, one.state): one.message for one in findings_of(seen(pod("openai"), moved))}
    assert "it is openai-2 now" in told["credential openai", State.WRONG]
    assert "another address" in told["unsealer", State.WRONG]
    assert "another CA" in told["unsealer", State.NOTE]


# ---- who may


def test_an_account_that_may_not_have_it_opened_gets_the_command() -> None:
    found = about(seen(pod("openai", account="batch"), credential()), "credential openai")
    assert found.state is State.WRONG
    assert found.help.startswith(f"llmkeys manifest rolebinding openai -n {NAMESPACE} --service-account batch")


def test_where_rbac_may_not_be_seen_nothing_is_claimed() -> None:
    one = seen(pod("openai", account="batch"), credential(), roles=HIDDEN)
    assert about(one, "credential openai").state is State.UNSEEN
    assert about(seen(pod("openai"), credential(), roles=HIDDEN), "credential openai").state is State.OK


# ---- what it waits for


def test_a_secret_that_is_not_there_yet_is_its_credentials() -> None:
    late = credential("openai", *AWAITING)
    one = seen(pod("openai", named="openai"), late, events=(event("chat-1", "FailedMount", MISSING.format("openai")),))
    found = about(one, "volumes")
    assert "LLMCredential openai, whose key is not proven yet; the pod waits" in found.message
    assert found.help == f"llmkeys status {NAMESPACE}/openai"


@pytest.mark.parametrize(
    ("message", "credentials", "said"),
    [
        (MISSING.format("openai"), (credential(),), "has written it by now: the kubelet tries again"),
        (MISSING.format("openai"), (credential("openai", *WITHDRAWN),), "which delivers nothing now"),
        (MISSING.format("mine"), (credential(),), "Secret mine is not there, and no LLMCredential"),
        ("references non-existent secret key: envelope", (credential(),), "withdrawn or disabled"),
        ("timed out", (credential(),), "The kubelet says: timed out"),
    ],
)
def test_the_kubelets_words_lead_to_the_cause(message: str, credentials: tuple[Any, ...], said: str) -> None:
    one = seen(pod("openai"), *credentials, events=(event("chat-1", "FailedMount", message),))
    assert said in about(one, "volumes").message


@pytest.mark.parametrize(
    ("status", "of", "told"),
    [
        ({}, "chat-1", True),
        ({}, "chat-2", False),
        ({"phase": "Running"}, "chat-1", False),
        ({"initContainerStatuses": [status_of("llmkeys", running={})]}, "chat-1", False),
    ],
)
def test_what_the_kubelet_said_counts_until_something_has_run(status: dict[str, Any], of: str, told: bool) -> None:
    events = (event(of, "FailedMount", MISSING.format("openai")),)
    one = seen(pod("openai", **status), credential("openai", *AWAITING), events=events)
    assert ("volumes" in wrong(one)) is told


def test_a_pod_without_a_node_is_no_matter_of_credentials() -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]
    assert wrong(seen(pod("openai", conditions=conditions), credential())) == ["node"]


# ---- the init container


def ended(code: int, message: str = "", reason: str = "Error", **more: Any) -> Finding:
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    one = seen(pod("openai", initContainerStatuses=[status_of("llmkeys", **state)]), credential(), **more)
    return about(one, "container llmkeys")


def test_an_exit_code_is_explained_and_the_containers_words_are_repeated() -> None:
    found = ended(14, "Error: not allowed.")
    assert found.message == (
        "It ended with 14: The pod's service account may not have the credential opened. It said: Error: not allowed."
    )
    assert found.help.startswith("llmkeys manifest rolebinding openai -n team-a --service-account chat")


def test_of_several_credentials_the_message_tells_which() -> None:
    state = {"terminated": {"exitCode": 15, "message": 'LLMCredential "b" is disabled.'}}
    one = seen(
        pod("a", "b", initContainerStatuses=[status_of("llmkeys", **state)]),
        credential("a"),
        credential("b", env=["B"]),
    )
    assert about(one, "container llmkeys").help == f"llmkeys status {NAMESPACE}/b"


def test_a_container_that_was_killed_for_its_memory_is_told() -> None:
    assert "too little memory" in ended(1, reason="OOMKilled").message
    assert "does not know" in ended(99).message


def test_a_container_that_waits_to_be_started_again_tells_its_last_end() -> None:
    looping = {**status_of("llmkeys", waiting={"reason": "CrashLoopBackOff"}), "restartCount": 3}
    looping["lastState"] = {"terminated": {"exitCode": 20}}
    one = seen(pod("openai", initContainerStatuses=[looping]), credential())
    assert about(one, "container llmkeys").message.startswith("It ended with 20: The unsealer did not answer")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (status_of("llmkeys", running={}), State.NOTE),
        (status_of("llmkeys", running={}, ready=True), State.OK),
        (status_of("llmkeys", waiting={"reason": "ImagePullBackOff", "message": "no such image"}), State.WRONG),
    ],
)
def test_a_container_that_has_not_ended_tells_how_it_is(status: dict[str, Any], state: State) -> None:
    assert about(seen(pod("openai", initContainerStatuses=[status]), credential()), "container llmkeys").state is state


def test_a_container_that_cannot_be_made_is_told() -> None:
    waiting = status_of("main", waiting={"reason": "CreateContainerConfigError", "message": "key not found"})
    one = seen(pod("openai", initContainerStatuses=[OPENED], containerStatuses=[waiting]), credential())
    assert about(one, "container main").message == "CreateContainerConfigError: key not found"


def every(kind: type[UnsealError]) -> set[type[UnsealError]]:
    return {kind}.union(*map(every, kind.__subclasses__()))


def test_every_exit_code_of_the_client_has_a_meaning() -> None:
    ours = {one for one in every(UnsealError) if one.__module__ == llmkeys.client.errors.__name__}
    assert {one.exit_code for one in ours} <= set(MEANINGS)
    for one in MEANINGS.values():
        assert "{" not in one.help.format(namespace="n", credential="c", account="a", workload="w")


# ---- variables


def test_of_two_credentials_with_one_variable_the_winner_is_named() -> None:
    env = [file_variable("OPENAI_API_KEY", "b")]
    one = seen(pod("a", "b", env=env, named="b, a"), credential("a"), credential("b"))
    assert about(one, "main: OPENAI_API_KEY").message == "It is that of credential b, not of a."


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ([{"name": "OPENAI_API_KEY", "value": "sk-CANARY"}], "a value of its own"),
        ([file_variable("OPENAI_API_KEY"), {"name": "OPENAI_API_KEY", "value": "sk-CANARY"}], "a value of its own"),
        (
            [{"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "a"}}}],
            "takes it from Secret mine",
        ),
        ([{"name": "OPENAI_API_KEY", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a"}}}], "from elsewhere"),
    ],
)
def test_what_the_manifest_sets_wins_and_is_noted(env: list[Any], said: str) -> None:
    found = about(seen(pod("openai", env=env), credential()), "main: OPENAI_API_KEY")
    assert (found.state, said in found.message) == (State.NOTE, True)
    assert "CANARY" not in found.message


def test_a_variable_that_came_later_than_the_pod_is_missing() -> None:
    found = about(seen(pod("openai", env=[]), credential()), "main: OPENAI_API_KEY")
    assert (found.state, "made before that" in found.message) == (State.WRONG, True)


def test_a_variable_of_a_credential_that_gives_nothing_is_wrong() -> None:
    found = about(seen(pod("openai"), credential("openai", *WITHDRAWN)), "main: OPENAI_API_KEY")
    assert (found.state, "delivers nothing now" in found.message) == (State.WRONG, True)


def test_a_variable_that_holds_the_path_of_a_file_is_its_credentials() -> None:
    document = credential("google", env=[], files=[{"name": "key.json", "variable": "GOOGLE_APPLICATION_CREDENTIALS"}])
    name, path = "GOOGLE_APPLICATION_CREDENTIALS", "/var/run/llmkeys/files/google/key.json"
    one = seen(pod("google", env=[{"name": name, "value": path}]), document)
    assert about(one, f"main: {name}").message == "It is that of credential google."
    other = seen(pod("google", env=[{"name": name, "value": "/mine.json"}]), document)
    assert about(other, f"main: {name}").state is State.NOTE


def test_credentials_that_the_pod_does_not_have_are_not_missed() -> None:
    one = seen(pod("openai"), credential(), credential("later", env=["LATER"]))
    assert "main: LATER" not in {finding.about for finding in findings_of(one)}


# ---- pods that were never created


def refused(message: str, *, kind: str = "ReplicaSet", name: str = "chat-7d9f8c6b5") -> PodSeen:
    return seen(None, name="chat", events=(event(name, "FailedCreate", message, kind=kind),))


OURS = (
    "Error creating: pods \"chat-7d9f8c6b5-x2x4z\" is forbidden: ValidatingAdmissionPolicy 'llmkeys-inject' with "
    "binding 'llmkeys-inject' denied request: there is no LLMCredential nope: create it"
)


def test_a_refusal_by_our_policy_is_told_in_its_words_alone() -> None:
    (found,) = findings_of(refused(OURS))
    assert found == Finding(
        "ReplicaSet chat-7d9f8c6b5",
        State.WRONG,
        "Its pods are refused: there is no LLMCredential nope: create it",
    )


@pytest.mark.parametrize(
    ("message", "help_"),
    [
        ("failed quota: q: must specify limits.cpu for: llmkeys", "kubectl describe resourcequota -n team-a"),
        ("exceeded quota: q, requested: cpu=1", "kubectl describe resourcequota -n team-a"),
        ("maximum memory usage per Container is 64Mi, but limit is 128Mi", "kubectl describe limitrange -n team-a"),
        ('violates PodSecurity "restricted:latest"', "kubectl get namespace team-a --show-labels"),
        ('error looking up service account team-a/chat: "chat" not found', "kubectl get serviceaccounts -n team-a"),
        ("something else", ""),
    ],
)
def test_a_refusal_by_others_leads_to_the_command_that_tells_more(message: str, help_: str) -> None:
    (found,) = findings_of(refused(f"Error creating: {message}"))
    assert (message in found.message, found.help) == (True, help_)


@pytest.mark.parametrize(
    ("asked", "owner", "belongs"),
    [
        ("chat", "chat", True),
        ("chat", "chat-7d9f8c6b5", True),
        ("chat-7d9f8c6b5-x2x4z", "chat-7d9f8c6b5", True),
        ("nightly", "nightly-29012345", True),
        ("nightly-29012345-x2x4z", "nightly-29012345", True),
        ("chat", "chat-api-7d9f8c6b5", False),
        ("chat", "chatter-7d9f8c6b5", False),
        ("other", "chat-7d9f8c6b5", False),
    ],
)
def test_events_of_the_workload_that_was_to_make_the_pod_count(asked: str, owner: str, belongs: bool) -> None:
    one = seen(None, name=asked, events=(event(owner, "FailedCreate", OURS, kind="ReplicaSet"),))
    assert any(finding.about == f"ReplicaSet {owner}" for finding in findings_of(one)) is belongs


def test_of_several_refusals_of_one_workload_the_last_is_told() -> None:
    events = (
        event("chat-7d9f8c6b5", "FailedCreate", "later", kind="ReplicaSet", time="2027-01-01T00:00:02Z"),
        event("chat-7d9f8c6b5", "FailedCreate", "sooner", kind="ReplicaSet", time="2027-01-01T00:00:01Z"),
    )
    (found,) = findings_of(seen(None, name="chat", events=events))
    assert found.message == "Its pods are refused: later"


def test_a_pod_that_nobody_wanted_is_said_not_to_be_there() -> None:
    assert wrong(seen(None, name="chat")) == ["pod chat"]
    hidden = findings_of(seen(None, name="chat", events=HIDDEN))
    assert [finding.state for finding in hidden] == [State.WRONG, State.UNSEEN]


def test_events_that_may_not_be_seen_are_said_to_be_unseen() -> None:
    assert about(seen(pod("openai"), credential(), events=HIDDEN), "events").state is State.UNSEEN


@given(st.text())
def test_words_of_others_are_one_short_line_that_no_terminal_obeys(text: str) -> None:
    told = printable(text)
    assert told.isprintable()
    assert len(told) <= 601


def test_of_a_long_text_the_end_is_told() -> None:
    assert printable("a" * 1000 + "end").endswith("end")

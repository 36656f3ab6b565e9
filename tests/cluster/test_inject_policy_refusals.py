"""What a developer reads whose pod cannot be given its credentials: why, and what to do."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.cluster import ControlPlane
from tests.support.inject_objects import FILES, FOLLOW, INJECTED, LABELLED, MOUNT, conditions, container, pod
from tests.support.inject_scene import Injection, injection

RECIPIENT: Final = "llmkeys-public-1:" + "A" * 1622
NEW_KEY: Final = 'OpenAI refused key "primary". Create a new key at https://platform.example.com and put it into chat.'


@pytest.fixture(scope="module")
def inject(installed: ControlPlane, namespace: str) -> Iterator[Injection]:
    with injection(installed, namespace) as made:
        made.credential("openai", "OPENAI_API_KEY")
        made.credential("plain", "PLAIN_KEY", encryption="None")
        yield made


def more(inject: Injection, name: str) -> str:
    return f"See: kubectl describe llmcredential {name} -n {inject.namespace}"


def listed(inject: Injection) -> str:
    return f"kubectl get llmcredentials -n {inject.namespace}"


# --- Credentials that are named and cannot be given


def test_one_that_is_not_there_is_named_and_the_others_can_be_listed(inject: Injection) -> None:
    said = inject.refusal(pod("openai, nope, nada"))

    assert "there is no LLMCredential nope, nada in namespace" in said
    assert said.endswith(listed(inject))


def test_a_note_that_came_with_the_pod_does_not_make_one_be_there(inject: Injection) -> None:
    assert "there is no LLMCredential nope" in inject.refusal(pod("nope", {INJECTED: "nope, openai"}))
    assert inject.create(pod("openai", {INJECTED: "openai"})).variables() == {"OPENAI_API_KEY": "file:openai.env"}


@pytest.mark.parametrize(
    ("name", "synced", "stalled", "message"),
    [
        ("withdrawn", "Withdrawn", True, NEW_KEY),
        ("disabled", "Disabled", True, "The credential is disabled by spec.enabled."),
        ("invalid", "AwaitingKey", True, NEW_KEY),
        ("conflicting", "TargetConflict", True, "Secret chat exists and belongs to somebody else."),
        ("withdrawn-for-now", "Withdrawn", False, "LLMProvider openai does not exist."),
    ],
)
def test_one_that_delivers_nothing_is_refused_with_the_controllers_words(
    name: str, synced: str, stalled: bool, message: str, inject: Injection
) -> None:
    inject.credential(name, "KEY", conditions=conditions(synced, stalled=stalled, message=message))

    said = inject.refusal(pod(f"openai, {name}"))
    assert said == f"LLMCredential {name} delivers no key. {message} {more(inject, name)}"
    assert "KEY" not in inject.create(pod()).variables()


@pytest.mark.parametrize(
    ("name", "synced", "stalled"),
    [("awaited", "AwaitingKey", False), ("kept", "Synced", True), ("contested", "Contested", True)],
)
def test_one_whose_key_may_come_or_is_still_delivered_is_waited_for(
    name: str, synced: str, stalled: bool, inject: Injection
) -> None:
    inject.credential(name, "KEY", conditions=conditions(synced, stalled=stalled, message="So it is."))

    assert inject.create(pod(name)).variables() == {"KEY": f"file:{name}.env"}


def test_one_that_recovers_can_be_named_again(inject: Injection) -> None:
    inject.credential("recovering", "KEY", conditions=conditions("Withdrawn", stalled=True, message=NEW_KEY))
    assert "delivers no key" in inject.refusal(pod("recovering"))

    inject.publish("recovering", conditions=conditions())
    assert inject.create(pod("recovering")).variables() == {"KEY": "file:recovering.env"}
    inject.publish("recovering", conditions=conditions("Withdrawn", stalled=True))


def test_one_with_recipients_is_not_for_the_unsealer_to_open(inject: Injection) -> None:
    inject.credential("sealed", "SEALED", spec={"target": {"recipients": [RECIPIENT]}})

    said = inject.refusal(pod("sealed"))
    assert said.startswith("LLMCredential sealed is sealed for the holders of its spec.target.recipients")
    assert said.endswith(more(inject, "sealed"))
    assert "SEALED" not in inject.create(pod()).variables()


@pytest.mark.parametrize(
    ("name", "published", "told"),
    [
        ("unseen", None, "llmkeys has not looked at it so far."),
        ("unnamed", {"env": None, "conditions": conditions("AwaitingKey", message="Apply it.")}, "Apply it."),
        ("nowhere", {"unsealer": None, "conditions": conditions(message="It is fine.")}, "It is fine."),
    ],
)
def test_one_of_which_it_is_not_known_what_it_gives_is_tried_again_later(
    name: str, published: dict[str, Any] | None, told: str, inject: Injection
) -> None:
    if published is None:
        inject.unseen(inject.namespace, name, None)
        inject.seen()
    else:
        inject.credential(name, "KEY", **published)

    said = inject.refusal(pod(name))
    assert said == f"LLMCredential {name} does not say yet what it gives to a pod. {told} {more(inject, name)}"
    assert name not in inject.create(pod()).injected


@pytest.mark.parametrize("notes", [{MOUNT: "/keys"}, {}])
def test_one_in_clear_gives_no_files(notes: dict[str, str], inject: Injection) -> None:
    name = "plain" if notes else "plain-file"
    if not notes:
        inject.credential(name, encryption="None", files=[{"name": "credentials.json"}])

    said = inject.refusal(pod(name, notes))
    assert said.startswith(f"LLMCredential {name} is delivered in clear (spec.target.encryption: None)")
    assert "mount its Secret as a volume of your own" in said
    assert said.endswith(more(inject, name))


def test_where_none_is_named_one_in_clear_holds_up_no_mount(inject: Injection) -> None:
    made = inject.create(pod(None, {MOUNT: "/keys"}))

    assert made.variables()["PLAIN_KEY"] == "secret:plain-secret?"
    assert made.mounts() == {"/keys": "llmkeys"}


def test_a_namespace_with_nothing_to_give_says_so(inject: Injection, installed: ControlPlane) -> None:
    empty = inject.elsewhere(installed.new_namespace("inject-empty"))

    said = empty.refusal(pod())
    assert said.startswith(f"no LLMCredential in namespace {empty.namespace} has delivered a key")
    assert said.endswith(listed(empty))
    empty.credential("broken", "KEY", conditions=conditions("AwaitingKey"))
    assert empty.refusal(pod()) == said
    installed.delete_namespace(empty.namespace)


def test_a_pod_that_brings_its_envelopes_along_needs_none_that_is_ready(
    inject: Injection, installed: ControlPlane
) -> None:
    """As `llmkeys inject` writes it, without an annotation."""
    empty = inject.elsewhere(installed.new_namespace("inject-brought"))
    brought = inject.create(pod("openai")).spec

    assert empty.try_to(pod(**brought)) == ""
    installed.delete_namespace(empty.namespace)


@pytest.mark.parametrize("notes", [{MOUNT: "/keys"}, {FOLLOW: "true"}])
def test_where_all_is_in_clear_there_is_nothing_to_mount_or_to_follow(
    notes: dict[str, str], inject: Injection, installed: ControlPlane
) -> None:
    clear = inject.elsewhere(installed.new_namespace("inject-clear"))
    clear.credential("plain", "KEY", encryption="None")

    said = clear.refusal(pod(None, notes))
    assert "have no effect where all credentials are delivered in clear" in said
    assert said.endswith(listed(clear))
    installed.delete_namespace(clear.namespace)


# --- What the pod says


@pytest.mark.parametrize("value", ["yes", "True", ""])
def test_a_label_that_means_nothing_is_not_passed_over(value: str, inject: Injection) -> None:
    body = pod("openai")
    body["metadata"]["labels"] = LABELLED | {"llmkeys.dev/inject": value}

    assert 'the label llmkeys.dev/inject of a pod is "true" or "false"' in inject.refusal(body)


@pytest.mark.parametrize("asked", ["", " , ", "OpenAI", "openai anthropic", "openai; anthropic", "a/b", "openai=x"])
def test_names_that_can_be_none_are_refused(asked: str, inject: Injection) -> None:
    said = inject.refusal(pod(asked))

    assert said.startswith("the annotation llmkeys.dev/credentials holds names of LLMCredentials, separated by commas")
    assert said.endswith(listed(inject))


@pytest.mark.parametrize("value", ["", "yes", "True", "1"])
def test_to_follow_is_true_or_false(value: str, inject: Injection) -> None:
    assert "llmkeys.dev/follow is" in inject.refusal(pod("openai", {FOLLOW: value}))
    assert inject.try_to(pod("openai", {FOLLOW: "false"})) == ""


@pytest.mark.parametrize(
    "path", ["", "/", "keys", "/keys/", "//keys", "/a/../b", "/.", "/a:b", "/a b", "/$(HOME)", "C:\\keys"]
)
def test_a_mount_is_a_path_that_can_be_mounted(path: str, inject: Injection) -> None:
    assert "llmkeys.dev/mount is the path of a folder" in inject.refusal(pod("openai", {MOUNT: path}))


def test_dots_in_a_name_are_none_of_a_path(inject: Injection) -> None:
    assert inject.create(pod("openai", {MOUNT: "/keys/..data/.env"})).mounts() == {"/keys/..data/.env": "llmkeys"}


# --- Names and places that are taken


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"containers": [container("llmkeys")]}, "the pod has a container of that name"),
        ({"initContainers": [container("llmkeys")]}, "the pod has a container of that name"),
        ({"volumes": [{"name": "llmkeys", "emptyDir": {}}]}, "adds a volume named llmkeys,"),
        ({"volumes": [{"name": "llmkeys-sealed", "emptyDir": {}}]}, "adds a volume named llmkeys-sealed,"),
        (
            {"volumes": [{"name": "llmkeys-sealed", "secret": {"secretName": "mine"}}]},
            "adds a volume named llmkeys-sealed,",
        ),
    ],
)
@pytest.mark.parametrize("asked", ["openai", None])
def test_a_name_that_is_taken_is_refused(asked: str | None, spec: dict[str, Any], said: str, inject: Injection) -> None:
    refusal = inject.refusal(pod(asked, **spec))

    assert said in refusal
    assert "give yours another name in the pod template" in refusal


@pytest.mark.parametrize(("notes", "folder"), [({MOUNT: "/keys"}, "/keys"), ({}, FILES)])
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_a_place_that_is_taken_is_refused(kind: str, notes: dict[str, str], folder: str, inject: Injection) -> None:
    taken = container("other", volumeMounts=[{"name": "mine", "mountPath": folder}])
    spec = {"containers": [container()], "volumes": [{"name": "mine", "emptyDir": {}}]}
    spec[kind] = [*spec.get(kind, []), taken]

    refusal = inject.refusal(pod("openai", notes, **spec))
    assert f"llmkeys mounts files at {folder}, where a container of the pod mounts something else" in refusal
    assert "llmkeys.dev/mount" in refusal

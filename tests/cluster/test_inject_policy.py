"""What the policies for injection add to a labelled pod, on the real API server."""

from collections.abc import Iterator
from typing import Final

import pytest

from llmkeys import __version__
from llmkeys.api.names import TOKEN_AUDIENCE
from tests.support.cluster import ControlPlane
from tests.support.inject_objects import ADDRESS, CA, FILES, FOLLOW, MOUNT, Object, Pod, container, pod
from tests.support.inject_policies import added_by_another_policy
from tests.support.inject_scene import Injection, injection
from tests.support.people import Rights, rule

DOCUMENT: Final = {"name": "key.json", "variable": "GOOGLE_APPLICATION_CREDENTIALS"}


@pytest.fixture(scope="module")
def inject(installed: ControlPlane, namespace: str) -> Iterator[Injection]:
    """`openai` and `anthropic` in envelopes, `plain` in clear, `google` with a document."""
    with injection(installed, namespace) as made:
        made.credential("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL")
        made.credential("anthropic", "ANTHROPIC_API_KEY")
        made.credential("plain", "PLAIN_KEY", encryption="None")
        made.credential("google", "GOOGLE_CLOUD_PROJECT", files=[DOCUMENT])
        yield made


@pytest.fixture
def files(inject: Injection) -> Iterator[str]:
    """A credential that gives files alone."""
    inject.credential("files", files=[{"name": "credentials.json"}])
    yield "files"
    inject.plane.kubectl("delete", "llmcredential", "files", f"--namespace={inject.namespace}")
    inject.seen()


@pytest.fixture(scope="module")
def one(inject: Injection) -> Pod:
    """What becomes of a pod that names one credential."""
    return inject.create(pod("openai"))


# --- What is added


def test_the_volume_of_the_keys_is_in_memory(one: Pod) -> None:
    assert one.volume("llmkeys") == {"name": "llmkeys", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}


def test_envelopes_and_a_token_for_the_unsealer_are_in_a_volume_of_their_own(one: Pod) -> None:
    token = {"audience": TOKEN_AUDIENCE, "path": "token", "expirationSeconds": 600}
    envelope = {"name": "openai-secret", "items": [{"key": "envelope", "path": "envelopes/openai"}]}

    assert one.volume("llmkeys-sealed") == {
        "name": "llmkeys-sealed",
        "projected": {"defaultMode": 0o444, "sources": [{"serviceAccountToken": token}, {"secret": envelope}]},
    }


def test_the_init_container_is_as_it_is_documented(one: Pod) -> None:
    assert one.opener["image"] == f"llmkeys:{__version__}"
    assert one.opener["imagePullPolicy"] == "IfNotPresent"
    assert one.opener["args"] == ["unseal", "--all", "--out", "/llmkeys", "--deadline", "5m", "--require", "openai"]
    assert one.opener["env"] == [
        {"name": "LLMKEYS_UNSEALER", "value": ADDRESS},
        {"name": "LLMKEYS_CA", "value": CA},
    ]
    assert one.opener["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert not one.opener.keys() & {"restartPolicy", "startupProbe"}
    assert one.opener["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert one.mounts("llmkeys") == {"/llmkeys": "llmkeys", "/var/run/llmkeys/sealed": "llmkeys-sealed"}


def test_only_the_init_container_sees_envelopes_and_token(one: Pod) -> None:
    assert one.mounts("chat") == {}


def test_every_container_reads_its_variables_from_the_volume(inject: Injection) -> None:
    containers = [container("chat"), container("tools")]
    made = inject.create(pod("openai", containers=containers, initContainers=[container("migrate")]))

    expected = {"OPENAI_API_KEY": "file:openai.env", "OPENAI_BASE_URL": "file:openai.env"}
    assert {name: made.variables(name) for name in ("chat", "tools", "migrate")} == dict.fromkeys(
        ("chat", "tools", "migrate"), expected
    )
    assert [one["name"] for one in made.spec["initContainers"]] == ["llmkeys", "migrate"]
    assert "OPENAI_API_KEY" not in made.variables("llmkeys")


def test_what_the_user_set_stays_and_can_use_what_is_added(inject: Injection) -> None:
    header = {"name": "HEADER", "value": "Bearer $(OPENAI_API_KEY)"}
    own = {"name": "OPENAI_BASE_URL", "value": "https://gateway.internal/v1"}
    made = inject.create(pod("openai", containers=[container(env=[own, header])]))

    assert list(made.variables().items()) == [
        ("OPENAI_API_KEY", "file:openai.env"),
        ("OPENAI_BASE_URL", "https://gateway.internal/v1"),
        ("HEADER", "Bearer $(OPENAI_API_KEY)"),
    ]


def test_a_pod_without_the_label_is_left_alone(inject: Injection) -> None:
    body = pod("openai")
    for labels in ({}, {"llmkeys.dev/inject": "false"}):
        body["metadata"]["labels"] = labels
        made = inject.create(body)
        assert "initContainers" not in made.spec
        assert made.variables() == {}


def test_what_a_pod_was_given_is_noted_in_it(inject: Injection) -> None:
    assert inject.create(pod("plain, openai")).injected == "openai, plain=plain-secret"


# --- Which credentials


def test_a_pod_waits_for_what_it_names(inject: Injection) -> None:
    made = inject.create(pod(" anthropic ,openai, "))

    assert made.variables() == {
        "OPENAI_API_KEY": "file:openai.env",
        "OPENAI_BASE_URL": "file:openai.env",
        "ANTHROPIC_API_KEY": "file:anthropic.env",
    }
    assert made.sealed() == {"envelopes/openai": "openai-secret", "envelopes/anthropic": "anthropic-secret"}
    assert made.opener["args"][-2:] == ["--require", "anthropic,openai"]
    assert made.variables("llmkeys") == {"LLMKEYS_UNSEALER": ADDRESS, "LLMKEYS_CA": CA}


def test_a_pod_that_names_none_gets_all_of_its_namespace_and_waits_for_none(inject: Injection) -> None:
    made = inject.create(pod())

    assert made.variables() == {
        "OPENAI_API_KEY": "file:openai.env?",
        "OPENAI_BASE_URL": "file:openai.env?",
        "ANTHROPIC_API_KEY": "file:anthropic.env?",
        "PLAIN_KEY": "secret:plain-secret?",
        "GOOGLE_CLOUD_PROJECT": "file:google.env?",
        "GOOGLE_APPLICATION_CREDENTIALS": f"{FILES}/google/key.json",
    }
    assert set(made.sealed().values()) == {"openai-secret?", "anthropic-secret?", "google-secret?"}
    assert made.opener["args"][-2:] == ["--optional", "anthropic,google,openai"]


def test_what_a_key_may_lack_holds_up_no_pod(inject: Injection, installed: ControlPlane) -> None:
    other = inject.elsewhere(installed.new_namespace("inject-lacking"))
    other.credential("aws", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", optionalEnv=["AWS_SESSION_TOKEN"])
    other.credential("plain", "KEY", "TOKEN", encryption="None", optionalEnv=["TOKEN"])

    assert other.create(pod("aws, plain")).variables() == {
        "AWS_ACCESS_KEY_ID": "file:aws.env",
        "AWS_SESSION_TOKEN": "file:aws.env?",
        "KEY": "secret:plain-secret",
        "TOKEN": "secret:plain-secret?",
    }
    installed.delete_namespace(other.namespace)


def test_credentials_of_other_namespaces_are_not_given(inject: Injection, installed: ControlPlane) -> None:
    other = inject.elsewhere(installed.new_namespace("inject-other"))
    other.credential("mine", "MINE")

    assert other.create(pod()).variables() == {"MINE": "file:mine.env?"}
    installed.delete_namespace(other.namespace)


def test_a_named_credential_needs_no_proven_key_yet(inject: Injection) -> None:
    inject.credential("early", "EARLY_KEY", conditions=None)

    assert inject.create(pod("early")).variables() == {"EARLY_KEY": "file:early.env"}
    assert "EARLY_KEY" not in inject.create(pod()).variables()


def test_a_status_that_was_just_written_counts(inject: Injection) -> None:
    inject.credential("changing", "BEFORE")
    for number in range(4):
        inject.publish("changing", env=[f"AFTER_{number}"])
        assert inject.create(pod("changing")).variables() == {f"AFTER_{number}": "file:changing.env"}
    inject.plane.kubectl("delete", "llmcredential", "changing", f"--namespace={inject.namespace}")


def test_whoever_creates_pods_needs_no_right_on_credentials(inject: Injection, installed: ControlPlane) -> None:
    rights = Rights(installed, inject.namespace)
    person = rights.person("", rule("", ["pods"], ["create"]))

    assert "cannot get resource" in person.kubectl("get", "llmcredential", "openai").stderr
    made = person.kubectl("create", "--dry-run=server", "-o", "jsonpath={.spec}", "-f", "-", content=pod("openai"))
    assert '"path":"openai.env"' in made.stdout


# --- In clear, and files


def test_a_credential_in_clear_is_read_from_its_secret_and_needs_nothing_else(inject: Injection) -> None:
    made = inject.create(pod("plain"))

    assert made.variables() == {"PLAIN_KEY": "secret:plain-secret"}
    assert "initContainers" not in made.spec
    assert made.volume("llmkeys") is None


def test_beside_envelopes_one_in_clear_is_not_among_those_that_must_open(inject: Injection) -> None:
    made = inject.create(pod("plain, openai"))

    assert made.variables()["PLAIN_KEY"] == "secret:plain-secret"
    assert made.opener["args"][-2:] == ["--require", "openai"]


def test_a_mount_gives_files_to_every_container(inject: Injection) -> None:
    made = inject.create(pod("openai", {MOUNT: "/keys"}, initContainers=[container("migrate")]))

    for name in ("chat", "migrate"):
        assert made.mounts(name) == {"/keys": "llmkeys"}
        (mount,) = [one for one in made.container(name)["volumeMounts"] if one["name"] == "llmkeys"]
        assert mount["readOnly"] is True
        assert made.variables(name)["OPENAI_API_KEY"] == "file:openai.env"


@pytest.mark.parametrize(("notes", "folder"), [({}, FILES), ({MOUNT: "/keys"}, "/keys")])
def test_a_document_is_a_file_whose_path_is_in_its_variable(
    notes: dict[str, str], folder: str, inject: Injection
) -> None:
    made = inject.create(pod("google", notes, initContainers=[container("migrate")]))

    for name in ("chat", "migrate"):
        assert made.mounts(name) == {folder: "llmkeys"}
        assert made.variables(name) == {
            "GOOGLE_CLOUD_PROJECT": "file:google.env",
            "GOOGLE_APPLICATION_CREDENTIALS": f"{folder}/google/key.json",
        }


def test_a_credential_of_files_alone_is_mounted(inject: Injection, files: str) -> None:
    made = inject.create(pod(files))

    assert made.variables() == {}
    assert made.mounts() == {FILES: "llmkeys"}


def test_a_mount_of_the_users_own_at_the_same_place_is_enough(inject: Injection) -> None:
    mounted = container(volumeMounts=[{"name": "llmkeys", "mountPath": "/keys", "readOnly": True}])
    made = inject.create(pod("openai", {MOUNT: "/keys"}, containers=[mounted]))

    assert made.mounts() == {"/keys": "llmkeys"}


# --- A sidecar


def test_to_follow_is_to_be_a_sidecar_that_others_wait_for(inject: Injection) -> None:
    made = inject.create(pod("openai, google", {FOLLOW: "true"}))

    assert made.opener["restartPolicy"] == "Always"
    assert made.opener["args"][-3:] == ["--require", "openai,google", "--follow"]
    probe = made.opener["startupProbe"]
    command = ["llmkeys", "unseal", "--all", "--ready", "--out", "/llmkeys", "--require", "openai,google"]
    assert probe["exec"] == {"command": command}
    assert probe["periodSeconds"] * probe["failureThreshold"] > 300


def test_the_command_lines_are_understood_by_the_command() -> None:
    from llmkeys.cli.main import main  # noqa: PLC0415  it imports every command

    known = {option for parameter in main.get_command(None, "unseal").params for option in parameter.opts}
    assert {"--all", "--out", "--deadline", "--require", "--follow", "--ready"} <= known


# --- Repetition


def test_a_pod_that_has_everything_already_stays_as_it_is(inject: Injection) -> None:
    first = inject.create(pod("google, plain, openai", {FOLLOW: "true"}))
    again = inject.create({**first.body, "metadata": {**first.body["metadata"], "uid": ""}})

    assert again.spec == first.spec
    assert again.injected == first.injected


def with_another_container(inject: Injection, body: Object) -> Pod:
    """What both policies make of a pod."""
    with added_by_another_policy(inject, body):
        return inject.create(body)


def test_a_container_that_another_policy_adds_later_is_served_too(inject: Injection) -> None:
    made = with_another_container(inject, pod("google, openai, plain", initContainers=[container("migrate")]))

    assert made.variables("late") == made.variables("chat") == made.variables("migrate")
    assert made.mounts("late") == made.mounts("chat")
    assert len([one for one in made.spec["initContainers"] if one["name"] == "llmkeys"]) == 1
    assert made.sealed().keys() == {"envelopes/google", "envelopes/openai"}


def test_it_gets_files_too_where_there_are_only_these(inject: Injection, files: str) -> None:
    assert with_another_container(inject, pod(files)).mounts("late") == {FILES: "llmkeys"}

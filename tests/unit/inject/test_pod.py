"""What a pod gets, and what of it was the user's and stays."""

from typing import Any

import pytest

from llmkeys.api.credential import LLMCredential
from llmkeys.inject.additions import Additions, Wishes, additions_of
from llmkeys.inject.errors import PodRefusedError
from llmkeys.inject.offers import offers_for
from llmkeys.inject.pod import INJECTED, Pod, injected
from tests.unit.inject.scene import ADDRESS, CA, OPENAI, credential

KEY = "GOOGLE_APPLICATION_CREDENTIALS"
VERTEX = credential("vertex", "VERTEX_REGION", files=[{"name": "credentials.json", "variable": KEY}])
CLEAR = credential("clear", "CLEAR_KEY", encryption="None", unsealer=None)
FILES = "/var/run/llmkeys/files"


def additions(
    *credentials: LLMCredential,
    names: tuple[str, ...] | None = None,
    folder: str | None = None,
    variables: bool = True,
    follow: bool = False,
) -> Additions:
    offers = offers_for(credentials, names, "team-a", files=folder is not None)
    return additions_of(offers, Wishes(folder, variables, follow, "llmkeys", "IfNotPresent"))


def pod(*env: dict[str, Any], notes: dict[str, str] | None = None, **spec: Any) -> Pod:
    container = {"name": "chat", "image": "chat", **({"env": list(env)} if env else {})}
    return Pod({"annotations": notes} if notes else {}, {"containers": [container], **spec})


def env(result: Pod, kind: str = "containers", number: int = 0) -> dict[str, Any]:
    found = result.spec[kind][number].get("env", [])
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in found}


def mounts(result: Pod) -> list[Any]:
    return list(result.spec["containers"][0].get("volumeMounts", []))


def from_file(path: str, key: str, **more: Any) -> dict[str, Any]:
    return {"fileKeyRef": {"volumeName": "llmkeys", "path": path, "key": key, **more}}


def test_a_pod_that_names_a_credential_gets_it_and_waits_for_it() -> None:
    result = injected(pod(), additions(OPENAI, VERTEX, names=("openai",)))

    assert env(result) == {
        "OPENAI_API_KEY": from_file("openai.env", "OPENAI_API_KEY"),
        "OPENAI_BASE_URL": from_file("openai.env", "OPENAI_BASE_URL"),
    }
    assert mounts(result) == []
    assert result.metadata["annotations"] == {INJECTED: "openai"}
    assert result.spec["volumes"] == [
        {"name": "llmkeys", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {
            "name": "llmkeys-sealed",
            "projected": {
                "defaultMode": 292,
                "sources": [
                    {"serviceAccountToken": {"audience": "llmkeys.dev", "path": "token", "expirationSeconds": 600}},
                    {"secret": {"name": "openai-key", "items": [{"key": "envelope", "path": "envelopes/openai"}]}},
                ],
            },
        },
    ]
    (opener,) = result.spec["initContainers"]
    assert opener["args"] == ["unseal", "--all", "--out", "/llmkeys", "--deadline", "5m", "--require", "openai"]
    assert opener["env"] == [{"name": "LLMKEYS_UNSEALER", "value": ADDRESS}, {"name": "LLMKEYS_CA", "value": CA}]
    assert not opener.keys() & {"restartPolicy", "startupProbe"}
    assert "runAsUser" not in opener["securityContext"]


def test_a_pod_that_names_none_gets_all_and_waits_for_none() -> None:
    result = injected(pod(), additions(VERTEX, OPENAI))

    assert env(result)["OPENAI_API_KEY"] == from_file("openai.env", "OPENAI_API_KEY", optional=True)
    sources = result.spec["volumes"][1]["projected"]["sources"][1:]
    assert [one["secret"]["name"] for one in sources] == ["openai-key", "vertex-key"]
    assert all(one["secret"]["optional"] for one in sources)
    assert result.spec["initContainers"][0]["args"][-2:] == ["--optional", "openai,vertex"]
    assert result.metadata["annotations"][INJECTED] == "openai, vertex"


def test_a_document_is_mounted_and_a_variable_has_its_path() -> None:
    result = injected(pod(), additions(VERTEX))
    assert env(result)[KEY] == f"{FILES}/vertex/credentials.json"
    assert mounts(result) == [{"name": "llmkeys", "mountPath": FILES, "readOnly": True}]

    elsewhere = injected(result, additions(VERTEX, folder="/etc/llm"))
    assert env(elsewhere)[KEY] == "/etc/llm/vertex/credentials.json"
    assert mounts(elsewhere) == [{"name": "llmkeys", "mountPath": "/etc/llm", "readOnly": True}]


def test_without_variables_from_files_a_pod_gets_the_files() -> None:
    result = injected(pod(), additions(OPENAI, CLEAR, folder=FILES, variables=False, names=("openai",)))
    assert env(result) == {}
    assert mounts(result) == [{"name": "llmkeys", "mountPath": FILES, "readOnly": True}]


def test_what_is_delivered_in_clear_needs_nobody_to_open_it() -> None:
    result = injected(pod(), additions(CLEAR))
    assert env(result) == {"CLEAR_KEY": {"secretKeyRef": {"name": "clear-key", "key": "CLEAR_KEY", "optional": True}}}
    assert not result.spec.keys() & {"volumes", "initContainers"}
    assert result.metadata["annotations"] == {INJECTED: "clear=clear-key"}
    assert injected(pod(hostNetwork=True), additions(CLEAR)).spec["hostNetwork"] is True


def test_the_first_named_gives_a_variable_that_two_have_else_the_first_by_name() -> None:
    other = credential("another", "OPENAI_API_KEY")
    named = injected(pod(), additions(other, OPENAI, names=("openai", "another")))
    assert env(named)["OPENAI_API_KEY"] == from_file("openai.env", "OPENAI_API_KEY")
    free = injected(pod(), additions(OPENAI, other))
    assert env(free)["OPENAI_API_KEY"] == from_file("another.env", "OPENAI_API_KEY", optional=True)


def test_what_the_user_set_stays_behind_ours() -> None:
    theirs = [{"name": "GREETING", "value": "$(OPENAI_BASE_URL)"}, {"name": "OPENAI_API_KEY", "value": "own"}]
    result = injected(pod(*theirs), additions(OPENAI))
    assert list(env(result)) == ["OPENAI_BASE_URL", "GREETING", "OPENAI_API_KEY"]
    assert env(result)["OPENAI_API_KEY"] == "own"


def test_a_variable_under_another_name_that_the_user_reads_from_our_volume_stays() -> None:
    own = {"name": "MY_KEY", "valueFrom": from_file("openai.env", "OPENAI_API_KEY")}
    result = injected(pod(own), additions(OPENAI))
    assert list(env(result)) == ["OPENAI_API_KEY", "OPENAI_BASE_URL", "MY_KEY"]
    assert injected(result, additions(OPENAI)) == result


def test_a_pod_on_its_nodes_network_is_refused_only_where_the_node_does_not_know_the_unsealer() -> None:
    with pytest.raises(PodRefusedError, match="ClusterFirstWithHostNet"):
        injected(pod(hostNetwork=True), additions(OPENAI))
    injected(pod(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"), additions(OPENAI))
    outside = credential("openai", "A", unsealer={"address": "https://unsealer.example.com", "caBundle": CA})
    injected(pod(hostNetwork=True), additions(outside))


def test_a_secret_that_the_user_reads_stays_theirs_until_it_is_told_of_as_ours() -> None:
    own = {"name": "CLEAR_KEY", "valueFrom": {"secretKeyRef": {"name": "clear-key", "key": "CLEAR_KEY"}}}
    first = injected(pod(own), additions(OPENAI))
    assert env(first)["CLEAR_KEY"] == own["valueFrom"]
    both = injected(first, additions(OPENAI, CLEAR))
    assert env(both)["CLEAR_KEY"] == own["valueFrom"]
    assert injected(both, additions(OPENAI, CLEAR)) == both
    assert "CLEAR_KEY" not in env(injected(both, additions(OPENAI)))


def test_what_a_credential_gave_goes_with_it() -> None:
    before = injected(pod(), additions(OPENAI, VERTEX, CLEAR))
    after = injected(before, additions(OPENAI))
    assert after == injected(pod(), additions(OPENAI))
    assert injected(before, additions(CLEAR)) == injected(pod(), additions(CLEAR))


def test_a_credential_that_is_sealed_from_now_on_is_read_from_the_file() -> None:
    before = injected(pod(), additions(CLEAR))
    sealed = additions(credential("clear", "CLEAR_KEY"))
    assert injected(before, sealed) == injected(pod(), sealed)


def test_the_users_init_containers_get_the_variables_too_and_run_after_ours() -> None:
    result = injected(pod(initContainers=[{"name": "first", "image": "a"}]), additions(OPENAI))
    assert [one["name"] for one in result.spec["initContainers"]] == ["llmkeys", "first"]
    assert list(env(result, "initContainers", 1)) == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    assert list(env(result, "initContainers", 0)) == ["LLMKEYS_UNSEALER", "LLMKEYS_CA"]


def test_ours_goes_to_the_front_again_if_something_came_before_it() -> None:
    result = injected(pod(), additions(OPENAI))
    moved = {**result.spec, "initContainers": [{"name": "a"}, *result.spec["initContainers"]]}
    again = injected(Pod(result.metadata, moved), additions(OPENAI))
    assert [one["name"] for one in again.spec["initContainers"]] == ["llmkeys", "a"]


def test_a_sidecar_is_asked_whether_it_has_written_and_a_plain_one_is_not() -> None:
    followed = injected(pod(), additions(OPENAI, names=("openai",), follow=True))
    (opener,) = followed.spec["initContainers"]
    assert opener["restartPolicy"] == "Always"
    assert opener["args"][-1] == "--follow"
    assert opener["startupProbe"]["exec"]["command"][-2:] == ["--require", "openai"]

    plain = injected(followed, additions(OPENAI, names=("openai",)))
    assert plain == injected(pod(), additions(OPENAI, names=("openai",)))


@pytest.mark.parametrize(("security", "user"), [({"runAsUser": 0}, 65532), ({"runAsUser": 1000}, None), (None, None)])
def test_it_is_nobody_where_the_pod_is_root_and_whoever_the_pod_is_otherwise(security: Any, user: int | None) -> None:
    result = injected(pod(securityContext=security), additions(OPENAI))
    assert result.spec["initContainers"][0]["securityContext"].get("runAsUser") == user


def test_a_mount_of_the_users_own_stays_as_it_is() -> None:
    own = {"name": "llmkeys", "mountPath": "/x", "subPath": "openai.env", "readOnly": True}
    there = pod(volumes=additions(OPENAI).volumes[:1] and [dict(additions(OPENAI).volumes[0])])
    there.spec["containers"][0]["volumeMounts"] = [own]
    assert mounts(injected(there, additions(VERTEX)))[0] == own


def test_the_folder_for_files_is_free_or_the_pod_is_refused_at_what_is_there() -> None:
    there = pod(volumes=[{"name": "data", "emptyDir": {}}])
    there.spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": FILES}]
    with pytest.raises(PodRefusedError, match="another folder") as refused:
        injected(there, additions(VERTEX))
    assert refused.value.place == ("containers", 0, "volumeMounts", 0)
    injected(there, additions(OPENAI))


@pytest.mark.parametrize("broken", [{"env": "x"}, {"env": ["x"]}, {"env": [{"name": []}]}, {"volumeMounts": {"a": 1}}])
def test_what_the_api_server_would_not_take_is_refused_in_words(broken: Any) -> None:
    with pytest.raises(PodRefusedError, match="no list"):
        injected(Pod({}, {"containers": [{"name": "a", **broken}]}), additions(OPENAI))

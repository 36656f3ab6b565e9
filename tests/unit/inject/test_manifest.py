"""Manifests as people write them: which pods get lines, where these stand, and what is refused."""

import json
from typing import Any

import pytest
import yaml

from llmkeys.inject.errors import ManifestRefusedError
from llmkeys.inject.manifest import injected_text
from tests.unit.inject.scene import LABELLED, adding, credential

POD = f"""\
metadata:
  labels: {{app: chat, {LABELLED}}}
spec:
  # what it is
  containers:
  - name: chat    # ours
    image: 'chat:1'
"""
KINDS = [
    ("v1", "Pod", ()),
    ("v1", "PodTemplate", ("template",)),
    ("v1", "ReplicationController", ("spec", "template")),
    ("apps/v1", "Deployment", ("spec", "template")),
    ("apps/v1", "StatefulSet", ("spec", "template")),
    ("apps/v1", "DaemonSet", ("spec", "template")),
    ("apps/v1", "ReplicaSet", ("spec", "template")),
    ("batch/v1", "Job", ("spec", "template")),
    ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    ("argoproj.io/v1alpha1", "Rollout", ("spec", "template")),
]
CHAT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  template:
    metadata:
      labels:
        llmkeys.dev/inject: "true"
    spec:
      containers:
      # the one
      - name: chat
        image: chat
        env:
        # of our own
        - name: GREETING
          value: hello $(OPENAI_API_KEY)   # expands
        ports: [{containerPort: 80}]

      # no more
      volumes: []   # none yet
"""
ALIAS = "x: &env\n- name: A\n  value: b\n" + CHAT.replace("env:\n", "env: *env\n").split("        # of")[0]


def below(path: tuple[str, ...], pod: str) -> str:
    for name in reversed(path):
        pod = f"{name}:\n" + "".join(f"  {line}\n" for line in pod.splitlines())
    return pod


def spec_of(text: str, *path: str) -> dict[str, Any]:
    value = yaml.safe_load(text)
    for name in path:
        value = value[name]
    return value["spec"]


def names(spec: dict[str, Any], number: int = 0) -> list[str]:
    return [one["name"] for one in spec["containers"][number].get("env", [])]


@pytest.mark.parametrize(("version", "kind", "path"), KINDS, ids=[kind for _, kind, _ in KINDS])
def test_every_kind_that_makes_pods_gets_the_lines(version: str, kind: str, path: tuple[str, ...]) -> None:
    text = f"apiVersion: {version}\nkind: {kind}\n" + below(path, POD)
    result = injected_text(text, adding())
    spec = spec_of(result.text, *path)

    assert [one["name"] for one in spec["initContainers"]] == ["llmkeys"]
    assert names(spec) == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    assert [one["name"] for one in spec["volumes"]] == ["llmkeys", "llmkeys-sealed"]
    assert set(text.splitlines()) < set(result.text.splitlines())


def test_lists_and_many_documents_are_gone_through() -> None:
    deployment = yaml.safe_load(CHAT)
    listed = {"apiVersion": "v1", "kind": "List", "items": [deployment, {"apiVersion": "v1", "kind": "ConfigMap"}]}
    text = f"{CHAT}---\n# a list\n{json.dumps(listed, indent=2)}\n---\n{yaml.safe_dump(listed)}"

    result = injected_text(text, adding())

    assert result.labelled == len(result.changes) == 3
    assert [change.line for change in result.changes] == [1, 28, 73]
    json.loads(result.text.split("\n---\n")[1].partition("\n")[2])


@pytest.mark.parametrize(
    "text",
    [
        CHAT.replace('"true"', '"false"'),
        CHAT.replace("llmkeys.dev/inject", "app"),
        CHAT.replace("apps/v1", "batch.volcano.sh/v1alpha1"),
        CHAT.replace("Deployment", "ConfigMap"),
        CHAT.replace("  template:\n    metadata:", "  template:\n    notes:"),
        "# " + LABELLED,
        "- 1\n---\n",
        "",
    ],
)
def test_what_asks_for_nothing_stays(text: str) -> None:
    result = injected_text(text, adding())
    assert result.text == text
    assert not result.labelled


def test_lines_stand_above_and_below_those_of_the_user_and_comments_stay_with_what_they_are_about() -> None:
    lines = injected_text(CHAT, adding()).text.splitlines()

    rest = iter(lines)
    assert all(line in rest for line in CHAT.splitlines() if "volumes: []" not in line)
    at = lines.index("        # of our own")
    assert lines[at - 5] == "        env:"
    assert lines[at - 4] == "        - name: OPENAI_API_KEY"
    assert lines[at + 1] == "        - name: GREETING"
    assert lines[lines.index("      # the one") - 1] == "      containers:"
    assert lines[-1].endswith("   # none yet")


def test_a_second_time_changes_nothing_and_another_status_changes_its_own_lines_alone() -> None:
    first = injected_text(CHAT, adding()).text
    assert injected_text(first, adding()).changes == ()

    now = credential("openai", "OPENAI_API_KEY", "OPENAI_ORG", secretName="other")
    second = injected_text(first, adding(now))

    assert second.changes[0].parts == (
        "volumes llmkeys-sealed (projected)",
        "containers chat (env)",
    )
    gone = [line for line in first.splitlines() if line not in second.text.splitlines()]
    new = [line for line in second.text.splitlines() if line not in first.splitlines()]
    assert all("OPENAI_BASE_URL" in line or "openai-key" in line for line in gone)
    assert all("OPENAI_ORG" in line or "other" in line for line in new)
    assert injected_text(CHAT, adding(now)).text == second.text


def test_what_somebody_set_in_our_init_container_stays_where_it_is_theirs() -> None:
    first = injected_text(CHAT, adding()).text
    edited = first.replace("image: llmkeys", "image: registry.example.com/llmkeys:2 # mirrored")
    edited = edited.replace("memory: 128Mi", "memory: 64Mi").replace("IfNotPresent", "Always")
    edited = edited.replace("--deadline, 5m", "--deadline, 1s")

    again = injected_text(edited, adding()).text

    assert again == edited.replace("1s", "5m")
    over = injected_text(edited, adding(image="new:3"), frozenset({"image"})).text
    assert "image: new:3 # mirrored" in over.replace('"', "")
    assert "imagePullPolicy: Always" in over


def test_lines_behind_a_block_of_text_stand_right_behind_it() -> None:
    pod = POD.replace("    image: 'chat:1'\n", "    args:\n    - |\n      first\n\n      last\n  - name: other\n")
    result = injected_text(f"apiVersion: v1\nkind: Pod\n{pod}", adding()).text
    assert "\n      last\n    env:\n" in result
    assert spec_of(result)["containers"][0]["args"] == ["first\n\nlast\n"]


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + CHAT.replace("\n", "\r\n")
    result = injected_text(text, adding()).text
    assert result.startswith("\ufeff")
    assert result.count("\n") == result.count("\r\n") > text.count("\r\n")


def test_a_file_without_a_line_break_at_its_end_gets_none() -> None:
    text = f"apiVersion: v1\nkind: Pod\n{POD}".removesuffix("\n")
    result = injected_text(text, adding()).text
    assert not result.endswith("\n")
    assert len(spec_of(result)["volumes"]) == 2


def test_json_stays_json() -> None:
    text = json.dumps(yaml.safe_load(CHAT), indent=1)
    result = injected_text(text, adding()).text
    assert names(json.loads(result)["spec"]["template"]["spec"]) == ["OPENAI_API_KEY", "OPENAI_BASE_URL", "GREETING"]
    assert injected_text(result, adding()).changes == ()


def test_an_anchor_within_the_pod_serves_its_aliases_too() -> None:
    text = CHAT.replace("env:", "env: &env").replace("ports:", "tty: true\n      - {name: b, image: b, env: *env}\n#")
    result = injected_text(text, adding())
    spec = spec_of(result.text, "spec", "template")
    assert names(spec, 0) == names(spec, 1) == ["OPENAI_API_KEY", "OPENAI_BASE_URL", "GREETING"]
    assert result.text.count("name: OPENAI_API_KEY") == 1
    assert injected_text(result.text, adding()).changes == ()


def test_merged_variables_are_written_out_beside_ours() -> None:
    base = "x: &base\n  env: [{name: GREETING, value: hello}]\n"
    text = base + CHAT.replace("        env:\n", "        <<: *base\n        tty: true\n#")
    text = text.replace("        - name: GREETING\n          value: hello $(OPENAI_API_KEY)   # expands\n", "")
    result = injected_text(text, adding()).text
    assert names(spec_of(result, "spec", "template")) == ["OPENAI_API_KEY", "OPENAI_BASE_URL", "GREETING"]
    assert yaml.safe_load(result)["x"] == {"env": [{"name": "GREETING", "value": "hello"}]}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: {\n" + LABELLED, 2, "no YAML"),
        (CHAT.replace('"true"', "true"), 8, 'inject: "true"'),
        (
            "x: &env\n- name: A\n  value: b\n" + CHAT.replace("env:\n", "env: *env\n").split("        # of")[0],
            17,
            "alias",
        ),
        (CHAT.replace("- name: chat", "- name: llmkeys"), 12, "another name"),
        (CHAT.replace("volumes: []", "volumes: [{name: llmkeys, hostPath: {path: /x}}]"), 21, "another name"),
        (CHAT.replace("volumes: []", "volumes: [{name: llmkeys-sealed, emptyDir: {}}]"), 21, "another name"),
        (CHAT.replace("volumes: []", "initContainers: [{name: llmkeys, image: x}]"), 21, "another name"),
        (CHAT.replace("volumes: []", "hostNetwork: true"), 21, "ClusterFirstWithHostNet"),
        (CHAT.replace("volumes: []", "dnsPolicy: Default"), 21, "ClusterFirst"),
        (CHAT.replace("    spec:\n      containers:", "    spec:\n      contain:"), 9, "no containers"),
        (CHAT.replace("volumes: []", "volumes: {}"), 21, "no list"),
        (CHAT.split("    spec:\n", maxsplit=1)[0], 6, "no spec"),
    ],
)
def test_what_cannot_be_changed_is_refused_at_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ManifestRefusedError) as refused:
        injected_text(text, adding())
    assert words in refused.value.problem
    assert refused.value.line == line


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("llmkeys.dev/credentials: openai, nope", "no LLMCredential nope"),
        ('llmkeys.dev/credentials: " , "', "names nothing"),
        ("llmkeys.dev/mount: keys", "is a folder"),
        ("llmkeys.dev/mount: /a/../b", "is a folder"),
        ('llmkeys.dev/follow: "yes"', '"true" or "false"'),
        ("llmkeys.dev/follow: true", "in quotes"),
    ],
)
def test_an_annotation_that_cannot_be_met_is_refused_at_its_line(annotation: str, words: str) -> None:
    text = CHAT.replace("      labels:", f"      annotations:\n        {annotation}\n      labels:")
    with pytest.raises(ManifestRefusedError, match=words) as refused:
        injected_text(text, adding())
    assert refused.value.line == 8


def test_a_block_of_text_that_would_change_with_the_line_behind_it_is_refused() -> None:
    text = f"apiVersion: v1\nkind: Pod\n{POD}    args:\n    - |\n      last"
    with pytest.raises(ManifestRefusedError, match="line break"):
        injected_text(text, adding())
    assert injected_text(text + "\n", adding()).changes


def test_aliases_of_aliases_end_in_words_and_not_in_a_full_memory() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    text = CHAT.replace("spec:\n  template", "".join(bomb) + "spec:\n  template")
    with pytest.raises(ManifestRefusedError, match=r"written without|too many"):
        injected_text(text, adding())

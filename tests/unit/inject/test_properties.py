"""Whatever a manifest looks like, only our lines are new in it, and a second time nothing is."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.inject.errors import ManifestRefusedError
from llmkeys.inject.manifest import injected_text
from llmkeys.inject.pod import Pod, injected
from llmkeys.inject.tree import documents_of, plain
from llmkeys.inject.workloads import workloads_in
from tests.unit.inject.scene import LABELLED, adding, credential
from tests.unit.inject.spellings import Writer

OPENAI = credential("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL")
VERTEX = credential("vertex", files=[{"name": "credentials.json", "variable": "GOOGLE_APPLICATION_CREDENTIALS"}])
CLEAR = credential("clear", "CLEAR_KEY", encryption="None")

NOTHING = re.compile(r'((?:env|volumeMounts)"? ?:)( *)null')

words = st.sampled_from(
    ["chat", "worker", "a", "x1", "on", "0", "1e3", "null", "", "it's: #1", "[{", "zwölf 🙂", "- a"]
)
names = st.sampled_from(["A", "OPENAI_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "CLEAR_KEY", "Z"])
sources = st.one_of(
    st.fixed_dictionaries({"value": words}),
    st.fixed_dictionaries({"valueFrom": st.just({"secretKeyRef": {"name": "own", "key": "A"}})}),
)
variables = st.builds(lambda name, source: {"name": name, **source}, names, sources)
mounts = st.fixed_dictionaries({"name": st.sampled_from(["data", "tmp"]), "mountPath": st.just("/data")})


def containers(beginning: str, least: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    nothing = [st.none()] if not least else []
    rest = {
        "args": st.lists(words, min_size=1, max_size=3),
        "tty": st.booleans(),
        "env": st.one_of(*nothing, st.lists(variables, min_size=least, max_size=3)),
        "volumeMounts": st.one_of(*nothing, st.lists(mounts, min_size=least, max_size=2)),
        "ports": st.just([{"containerPort": 80}]),
    }
    one = st.fixed_dictionaries({"image": words}, optional=rest)
    numbered = st.lists(one, min_size=1, max_size=3)
    return numbered.map(lambda found: [{"name": f"{beginning}-{at}", **each} for at, each in enumerate(found)])


def specs(least: int) -> st.SearchStrategy[dict[str, Any]]:
    """Specs of pods whose lists hold at least so much."""
    data = st.just({"name": "data", "emptyDir": {"medium": ""}})
    return st.fixed_dictionaries(
        {"containers": containers("app", least)},
        optional={
            "initContainers": containers("init", least),
            "volumes": st.lists(data, min_size=least, max_size=1),
            "securityContext": st.sampled_from([{"runAsUser": 0}, {"runAsUser": 1000}, None]),
            "restartPolicy": st.just("Always"),
        },
    )


annotations = st.fixed_dictionaries(
    {},
    optional={
        "llmkeys.dev/credentials": st.sampled_from(["openai", "vertex,openai", "clear, openai"]),
        "llmkeys.dev/follow": st.sampled_from(["true", "false"]),
        "team": words,
    },
)


@st.composite
def deployments(draw: st.DrawFn, least: int = 0) -> tuple[dict[str, Any], list[str]]:
    # In any order: users write as they like.
    spec = dict(draw(st.permutations(list(draw(specs(least)).items()))))
    notes = draw(annotations)
    metadata = {"labels": {"llmkeys.dev/inject": "true"}, **({"annotations": notes} if notes else {})}
    template = dict(draw(st.permutations([("metadata", metadata), ("spec", spec)])))
    whole = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": "team-a"},
        "spec": {"replicas": 2, "template": template},
    }
    return whole, Writer(draw).document(whole)


others = st.sampled_from(["", "# nothing else", "--- # another\na: |+\n  text\n\n\n---\n", "---\n{a: [1, 2]}\n...\n"])


def is_part_of(text: str, whole: str) -> bool:
    """Whether the characters of a text are all in another one, in their order; `null` makes room for a list."""
    characters = iter(whole)
    return all(one in characters for one in NOTHING.sub(r"\1", text))


def values(text: str) -> list[Any]:
    return [plain(one) for one in documents_of(text)]


def expected(text: str, additions_for: Any) -> Iterable[Pod]:
    for workload in workloads_in(documents_of(text)):
        yield injected(Pod(plain(workload.metadata.value), plain(workload.spec.value)), additions_for(workload))


@settings(deadline=None)
@given(
    deployment=deployments(),
    beginning=st.sampled_from(["", "\ufeff", "# first\n\n", "---\n", "%YAML 1.1\n---\n"]),
    ending=others,
    line_end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    variables=st.booleans(),
)
def test_only_our_lines_are_new_and_a_second_time_nothing_is(
    deployment: tuple[dict[str, Any], list[str]],
    beginning: str,
    ending: str,
    line_end: str,
    last: bool,
    variables: bool,
) -> None:
    whole, lines = deployment
    # A block of text at the end of a file keeps its meaning only with its line break.
    text = (beginning + "\n".join(lines) + "\n" + ending).replace("\n", line_end)
    text = text if last or ending else text + "# end"
    additions_for = adding(OPENAI, VERTEX, CLEAR, variables=variables)
    assert values(text)[0] == whole

    first = injected_text(text, additions_for)

    assert first.labelled == len(first.changes) == 1
    assert is_part_of(text, first.text)
    template = whole["spec"]["template"]
    (pod,) = expected(text, additions_for)
    assert values(first.text)[0]["spec"]["template"] == {**template, "metadata": pod.metadata, "spec": pod.spec}
    assert values(first.text)[1:] == values(text)[1:]
    assert injected_text(first.text, additions_for) == type(first)(first.text, 1, ())


# A list that holds nothing when our lines leave it goes with them.
@settings(deadline=None, max_examples=60)
@given(deployment=deployments(least=1), variables=st.booleans(), now=st.booleans())
def test_what_was_written_for_other_credentials_becomes_what_it_would_have_been(
    deployment: tuple[dict[str, Any], list[str]], variables: bool, now: bool
) -> None:
    text = "\n".join(deployment[1]) + "\n"
    before = [credential("openai", "OPENAI_API_KEY", "OLD"), credential("vertex", "V"), CLEAR, credential("gone", "G")]
    after = adding(OPENAI, VERTEX, CLEAR, variables=variables)

    over = injected_text(injected_text(text, adding(*before, variables=now)).text, after).text

    assert is_part_of(text, over)
    anew, again = (values(one)[0]["spec"]["template"] for one in (injected_text(text, after).text, over))
    assert again["metadata"] == anew["metadata"]
    assert again["spec"].keys() == anew["spec"].keys()
    assert again["spec"]["volumes"] == anew["spec"]["volumes"]
    for kind in ("initContainers", "containers"):
        for one, other in zip(again["spec"][kind], anew["spec"][kind], strict=True):
            assert sorted_lists(one) == sorted_lists(other)
    assert injected_text(over, after).changes == ()


def sorted_lists(container: dict[str, Any]) -> dict[str, Any]:
    listed = {key: container.get(key) or [] for key in ("env", "volumeMounts")}
    return {**container, **{key: sorted(map(repr, found)) for key, found in listed.items()}}


@settings(deadline=None)
@given(text=st.text(alphabet="ab:-{}[]#&*!|>'\"\n ,<?%@`", max_size=60), tail=st.text(alphabet=" \n#x", max_size=5))
def test_what_is_no_workload_stays_or_is_refused_in_words(text: str, tail: str) -> None:
    whole = f"{text}\n{tail}# {LABELLED}"
    # Any other error is what is looked for.
    with suppress(ManifestRefusedError):
        assert injected_text(whole, adding()).text == whole

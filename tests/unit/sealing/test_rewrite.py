"""Only the sealed values of a text change, however somebody spelled them."""

import string
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.armour import unfolded
from llmkeys.sealing.errors import ManifestMalformedError
from llmkeys.sealing.manifests import SealedValue, read_manifests
from llmkeys.sealing.rewrite import rewritten

ALPHABET = string.ascii_letters + string.digits + "-_"
STYLES = {
    "plain": "sealed: {pad}\n{i}  apiKey: {properties}{text}{comment}\n",
    "plain over lines": "sealed:\n{i}  apiKey: {properties}\n{i}    {lines}{comment}\n",
    "single quoted": "sealed:\n{i}  apiKey: {properties}'{text}'{comment}\n",
    "single quoted over lines": "sealed:\n{i}  apiKey: {properties}'{lines}'{comment}\n",
    "double quoted": 'sealed:\n{i}  "apiKey": {properties}"{text}"{comment}\n',
    "double quoted over lines": 'sealed:\n{i}  apiKey: {properties}"{lines}"{comment}\n',
    "double quoted, line ends escaped": 'sealed:\n{i}  apiKey: {properties}"{escaped_lines}"{comment}\n',
    "literal": "sealed:\n{i}  apiKey: {properties}|{comment}\n{i}    {lines}\n",
    "literal, stripped, after blank lines": "sealed:\n{i}  apiKey: {properties}|-{comment}\n\n{i}    {lines}\n\n",
    "folded": "sealed:\n{i}  apiKey: {properties}>-{comment}\n{i}    {lines}\n",
    "folded, indentation told": "sealed:\n{i}  apiKey: {properties}>2+{comment}\n{i}    {lines}\n\n",
    "flow": "sealed: {{apiKey: {properties}{text}}}{comment}\n",
    "flow over lines": "sealed: {{ # why\n{i}   apiKey: {properties}\n{i}   '{lines}' , }}{comment}\n",
    "flow, like JSON": 'sealed: {{"apiKey":{properties}"{text}"}}{comment}\n',
}
EXOTIC = {
    "characters escaped": '  sealed: {{apiKey: "\\x6c{tail}"}}\n',
    "a blank escaped": '  sealed: {{apiKey: "\\ {text}"}}\n',
}

texts = st.text(ALPHABET, min_size=30, max_size=200).map(lambda tail: f"llmkeys1.{tail}.x")
comments = st.sampled_from(["", "  # sealed by somebody", " # 'quoted: \"{[|>&*'", "   # ümläut 🙂 too"])


@dataclass(frozen=True)
class Spelled:
    style: str
    text: str
    width: int
    comment: str
    properties: str

    def yaml(self, number: int) -> str:
        i = "  "
        chunks = [self.text[at : at + self.width] for at in range(0, len(self.text), self.width)]
        body = STYLES[self.style].format(
            i=i,
            pad=self.comment,
            text=self.text,
            lines=f"\n{i}    ".join(chunks),
            escaped_lines=f"\\\n{i}    ".join(chunks),
            comment=self.comment,
            properties=self.properties.replace("N", str(number)).replace("\n", f"\n{i}      "),
        )
        return f"- name: key-{number}\n{i}{body}"


spellings = st.builds(
    Spelled,
    style=st.sampled_from(sorted(STYLES)),
    text=texts,
    width=st.integers(7, 90),
    comment=comments,
    properties=st.sampled_from(["", "&aN ", "!!str ", "&aN !!str ", "!!str # of course\n"]),
)
line_ends = st.sampled_from(["\n", "\r\n"])
beginnings = st.sampled_from(["", "\ufeff", "# first\n\n", "%YAML 1.1\n---\n", "kind: Other\nx: {{: 1}\n---\n"])
endings = st.sampled_from(["", "# last", "...\n# behind\n", "---\nother: [1, 2]\n"])


def manifest(values: list[str], beginning: str, ending: str, line_end: str) -> str:
    head = "apiVersion: llmkeys.dev/v1alpha1 # ours\nkind: LLMCredential\nmetadata: {name: a,namespace: b}\n"
    text = f"{beginning}{head}spec:\n  keys: # all of them\n{''.join(values)}{ending}"
    return text.replace("\n", line_end)


def values_of(text: str) -> list[SealedValue]:
    return [value for one in read_manifests(text).credentials for value in one.values]


def outside(text: str, values: list[SealedValue]) -> list[str]:
    edges = [0, *(edge for value in values for edge in (value.span.begin, value.span.end)), len(text)]
    return [text[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@given(st.lists(spellings, min_size=1, max_size=4), beginnings.filter(lambda one: "{{" not in one), endings, line_ends)
def test_everything_but_the_values_stays_byte_for_byte(
    spelled: list[Spelled], beginning: str, ending: str, line_end: str
) -> None:
    body = [one.yaml(number).replace("\n", "\n  ").rstrip(" ") for number, one in enumerate(spelled)]
    text = manifest([f"  {one}" for one in body], beginning, ending, line_end)
    values = values_of(text)
    assert [unfolded(value.text) for value in values] == [one.text for one in spelled]

    new = [one.text[:-1].swapcase() + "y" for one in spelled]
    changed = rewritten(text, zip(values, new, strict=True))

    again = values_of(changed)
    assert [unfolded(value.text) for value in again] == new
    assert outside(changed, again) == outside(text, values)
    # The new text takes the old one's places one by one, so the way back is the way.
    assert rewritten(changed, zip(again, [one.text for one in spelled], strict=True)) == text


@pytest.mark.parametrize("spelling", EXOTIC.values(), ids=EXOTIC.keys())
def test_a_value_spelled_with_escapes_is_spelled_plainly_then(spelling: str) -> None:
    text = manifest(["  - name: x\n  " + spelling.format(text="llmkeys1.ab.cd", tail="lmkeys1.ab.cd")], "", "", "\n")
    (value,) = values_of(text)
    assert unfolded(value.text) == "llmkeys1.ab.cd"
    changed = rewritten(text, [(value, "llmkeys1.xy.zz")])
    (again,) = values_of(changed)
    assert again.text == "llmkeys1.xy.zz"
    assert outside(changed, [again]) == outside(text, [value])


def test_an_anchor_and_its_aliases_are_one_place() -> None:
    text = manifest(["  - {name: x, sealed: {apiKey: &a llmkeys1.ab.cd, other: *a}}\n"], "", "", "\n")
    first, second = values_of(text)
    assert (first.field, second.field) == ("apiKey", "other")
    assert first.span == second.span
    new = rewritten(text, [(first, "llmkeys1.xy.zz"), (second, "llmkeys1.xy.zz")])
    assert new == text.replace("llmkeys1.ab.cd", "llmkeys1.xy.zz")


def test_merged_mappings_are_followed_and_never_for_ever() -> None:
    text = manifest(
        ["  - &one\n    name: x\n    sealed: &s {<<: *s, apiKey: llmkeys1.ab.cd}\n  - {<<: *one}\n"], "", "", "\n"
    )
    assert [value.text for value in values_of(text)] == ["llmkeys1.ab.cd", "llmkeys1.ab.cd"]


def test_a_list_as_kubectl_prints_it_is_read() -> None:
    item = "{apiVersion: llmkeys.dev/v1alpha1, kind: LLMCredential, spec: {keys: [{name: a, sealed: {f: t}}]}}"
    (value,) = values_of(f"kind: List\napiVersion: v1\nitems: [{item}]")
    assert (value.entry, value.field, value.text) == ("a", "f", "t")


def test_foreign_manifests_are_not_looked_at() -> None:
    text = "kind: LLMCredential\napiVersion: other.dev/v1\nspec: {keys: [{name: a, sealed: {f: t}}]}\n"
    assert values_of(text + "---\njust text\n---\n- a\n- !tag b\n") == []


def test_what_is_no_yaml_is_told_with_its_line_and_without_its_words() -> None:
    with pytest.raises(ManifestMalformedError, match=r"^line 2: ") as caught:
        read_manifests("a: b\nc: sk-canary-1: [\n")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "\x00", "a: \x1b", "*a", "a: !!python/name:os.system x"])
def test_hostile_text_is_an_error_or_nothing(text: str) -> None:
    with suppress(ManifestMalformedError):
        assert read_manifests(text).credentials == ()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ManifestMalformedError):
        read_manifests(text)


def test_a_date_in_a_target_or_a_provider_is_text() -> None:
    spec = "metadata: {name: a}\nspec: {type: b, config: {v: 2024-10-21}}"
    (provider,) = read_manifests(f"apiVersion: llmkeys.dev/v1alpha1\nkind: LLMProvider\n{spec}").providers
    assert provider.spec.config == {"v": "2024-10-21"}

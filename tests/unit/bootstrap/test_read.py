"""Templates as a whole: which shape they have, what is refused, what is never told."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.bootstrap.handed_over import handed_over
from llmkeys.bootstrap.read import read_sealed, read_template
from llmkeys.bootstrap.template import MAX_BYTES, Template, TemplateInvalidError
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.loader import load

CATALOGUE = load()
CANARY = "sk-proj-canary0123456789"

# The parts and the spelling of a file as it is installed; the values are made up.
INSTALLED = """\
ragflow:
  host: ${BIND_TO:-0.0.0.0}
  http_port: 9380
mysql:
  password: '${DATABASE_PASSWORD:-some_password}'
  host: '${DATABASE_HOST:-mysql}'
es:
  hosts: 'http://${SEARCH_HOST:-es01}:9200'
  api_key: '${NOBODY_SETS_THIS}'
redis:
  host: '${QUEUE_HOST:-redis}:6379'
s3:
  # access_key: 'of somebody'
"""
SECTION = """\
user_default_llm:
  factory: 'Tongyi-Qianwen'
  api_key: '${QWEN_KEY}'
  base_url: ''
  default_models:
    chat_model: 'qwen-plus'
oauth:
  client_secret: "${NOR_THIS}"
"""


def read(text: str, **variables: str) -> Template:
    return read_template(text.encode(), Variables(variables), CATALOGUE)


def refused(text: str) -> str:
    with pytest.raises(TemplateInvalidError) as caught:
        read(text)
    return str(caught.value)


def test_of_a_whole_ragflow_file_only_the_section_is_read() -> None:
    found = read(INSTALLED + SECTION, QWEN_KEY="k$'`\\")
    assert [one.spec["type"] for one in found.providers] == ["dashscope"]
    assert found.credentials[0].keys[0].clear["apiKey"].reveal() == "k$'`\\"
    assert found.left == ()


def test_a_variable_of_the_section_must_be_set() -> None:
    assert refused(INSTALLED + SECTION).startswith("line 16, column 12: the variable QWEN_KEY is not set.")


@pytest.mark.parametrize("section", ["", "user_default_llm:\n", "# user_default_llm:\n#   factory: OpenAI\n"])
def test_a_ragflow_file_as_it_is_installed_says_what_to_do(section: str) -> None:
    assert "user_default_llm is empty or commented out" in refused(INSTALLED + section)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("user_default_llm: {factory: OpenAI, api_key: k1}", "RAGFlow"),
        ("model_list: [{litellm_params: {model: openai/a, api_key: k1}}]", "LiteLLM"),
        ("- {provider: openai, credentials: {openai_api_key: k1}}", "Dify"),
        ("data: [{provider: openai, credentials: {openai_api_key: k1}}]", "Dify"),
        ('[{"id": "openai", "apiKey": "k1"}]', "Cherry Studio"),
        ('{"providers": [{"id": "openai", "apiKey": "k1", "apiHost": ""}]}', "Cherry Studio"),
        ("openai: k1\nnobody: k2", "XEduLLM"),
        ("- {provider: openai, api_key: k1}", "XEduLLM"),
        ("{apiVersion: llmkeys.dev/v1alpha1, kind: LLMProvider, metadata: {name: a}, spec: {type: openai}}", "llmkeys"),
    ],
)
def test_the_shape_is_told_by_content(text: str, shape: str) -> None:
    assert read(text).shape == shape


@pytest.mark.parametrize("text", ["a: b", "just text", "- 1", "[]", "{}", "a: {b: c}\n---\nd: e", "a: [[1]]"])
def test_an_unknown_shape_is_told_what_is_known(text: str) -> None:
    told = refused(text)
    assert "line 1, column 1: this is no shape that is read. These are: llmkeys (manifests with apiVersion" in told
    assert "RAGFlow (user_default_llm:)" in told


def test_two_shapes_at_once_are_refused() -> None:
    assert "RAGFlow (user_default_llm:) and LiteLLM (model_list:) at once" in refused(
        "user_default_llm: {}\nmodel_list: []"
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n"])
def test_nothing_at_all_is_refused(text: str) -> None:
    assert refused(text).startswith("the template: there is nothing in it.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_default_llm: [a]", "line 1, column 19: user_default_llm must hold names with values"),
        ("user_default_llm: {api_key: [a]}", "line 1, column 29: api_key must be one text, not a list."),
        ("user_default_llm: {factory: {a: b}}", "factory must be one text, not names with values."),
        ("user_default_llm: {default_models: [a]}", "default_models must hold names with values"),
        ("user_default_llm: {default_models: {chat_model: [a]}}", "chat_model must be one text"),
        ("user_default_llm: {api_key: !vault x}", "a tag (!) stands before this value"),
        ("model_list: {a: b}", "model_list must be a list"),
        ("model_list: [a]", "a model must hold names with values"),
        ("- {provider: openai, credentials: {a: b}, enabled: perhaps}", "enabled must be true or false."),
        ("localStorage: {x: y}", "there is no persist:cherry-studio here"),
    ],
)
def test_wrong_types_are_told_with_their_place(text: str, message: str) -> None:
    told = refused(text)
    assert message in told
    assert told.startswith("line 1, column ")


def test_a_file_of_900_kib_is_refused() -> None:
    assert "it has 921600 bytes, and at most 716800 are read. Split it" in refused("#" * 900 * 1024)


def test_an_unknown_factory_is_left_with_the_nearest_and_the_others_are_made() -> None:
    found = read("deepseek: sk-1\nopnai: sk-2\n")
    assert [one.name for one in found.providers] == ["deepseek"]
    (only,) = found.left
    assert (only.place.line, only.what) == (2, "opnai")
    assert "openai" in only.why


def test_a_key_with_commas_is_several_keys() -> None:
    (one,) = read("openai: 'sk-1, sk-2'").credentials
    assert [key.clear["apiKey"].reveal() for key in one.keys] == ["sk-1", "sk-2"]


SHAPES: list[Callable[[str], str]] = [
    lambda junk: f"user_default_llm: {{factory: OpenAI, api_key: {junk}, default_models: {{a: {{api_key: {junk}}}}}}}",
    lambda junk: f"model_list: [{{litellm_params: {{model: openai/a, api_key: {junk}}}, model_info: {junk}}}]",
    lambda junk: f"- {{provider: openai, credentials: {{openai_api_key: {junk}}}, models: {junk}}}",
    lambda junk: f"- {{id: {junk}, apiKey: {junk}, apiKeys: {junk}}}",
    lambda junk: f"deepseek: {junk}\nqwen: {{api_key: {junk}}}",
    lambda junk: f"{{localStorage: {junk}}}",
    lambda junk: f"{{apiVersion: llmkeys.dev/v1alpha1, kind: {junk}, metadata: {junk}, spec: {junk}}}",
    lambda junk: (
        "{apiVersion: llmkeys.dev/v1alpha1, kind: LLMCredential, metadata: {name: a}, "
        f"spec: {{providerRef: {{name: b}}, keys: [{{name: a, value: {junk}}}]}}}}"
    ),
]
NAMES = ("name", CANARY, "key")


def as_list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def as_mapping(items: list[str]) -> str:
    return "{" + ", ".join(f"{name}: {item}" for name, item in zip(NAMES, items, strict=False)) + "}"


JUNK = st.recursive(
    st.sampled_from(
        [CANARY, "''", "null", "true", "1", "'${A}'", "'${B'", "'{\"a\": ['", "'os.environ/X'", "x@y@z", "!t x"]
    ),
    lambda inner: st.lists(inner, max_size=3).map(as_list) | st.lists(inner, max_size=3).map(as_mapping),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SHAPES), JUNK)
def test_whatever_stands_there_it_is_read_or_the_one_error_and_no_key_is_shown(
    shape: Callable[[str], str], junk: str
) -> None:
    try:
        found = read(shape(junk), A=CANARY)
    except TemplateInvalidError as error:
        told = str(error) + repr(error)
    else:
        told = repr(found)
    assert CANARY not in told


@given(st.text(alphabet="user_default_llm:model_list{}[]-,'\"\n ${}A:-providerkey", max_size=80))
def test_any_text_is_read_or_the_one_error(text: str) -> None:
    for reading in (
        lambda content: read_template(content, Variables({}), CATALOGUE),
        lambda content: read_sealed(content, CATALOGUE),
    ):
        try:
            reading(text.encode())
        except TemplateInvalidError:
            continue


def test_the_largest_file_of_500_credentials_is_read() -> None:
    one = (
        "- {{apiVersion: llmkeys.dev/v1alpha1, kind: LLMCredential, metadata: {{name: c{0}, namespace: team-{0}}}, "
        "spec: {{providerRef: {{name: openai}}, keys: [{{name: primary, value: {1}{0}}}]}}}}\n"
    )
    text = "".join(one.format(number, "k" * 1200) for number in range(500)).encode()
    assert MAX_BYTES * 0.9 < len(text) <= MAX_BYTES
    assert len(read_template(text, Variables({}), CATALOGUE).credentials) == 500


def test_an_unset_variable_is_told_with_what_sets_it_in_a_cluster() -> None:
    handed = handed_over({"bootstrap.yaml": b"user_default_llm: {factory: OpenAI, api_key: '${A}'}"}, {})
    with pytest.raises(TemplateInvalidError) as caught:
        handed.read(CATALOGUE)
    assert str(caught.value).endswith(
        "the variable A is not set. Give the Secret llmkeys-bootstrap a key A, or set LLMKEYS_VAR_A in the "
        "controller's environment."
    )

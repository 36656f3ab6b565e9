"""Variables are filled in once, by us, and arrive unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.bootstrap.template import Place, TemplateInvalidError
from llmkeys.bootstrap.tree import TAG, ScalarNode
from llmkeys.bootstrap.variables import Variables


def scalar(text: str, tag: str = "str") -> ScalarNode:
    return ScalarNode(Place(3, 7), text, TAG + tag)


def filled(text: str, **values: str) -> str:
    return Variables(values, remedy="Set X_{name}.").text(scalar(text))


def refused(text: str, **values: str) -> str:
    with pytest.raises(TemplateInvalidError) as caught:
        filled(text, **values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${UNSET:-two words}", "two words"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("${A:-other}", "1"),
        ("${A:?must be set}", "1"),
        ("${UNSET:-}", ""),
        ("${UNSET:-http://h:1/p?q}", "http://h:1/p?q"),
        ("${UNSET:-a$$b}", "a$b"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$$${A}", "$${A}"),
        ("$$${A}", "$1"),
        ("$A $(A) $ 5$", "$A $(A) $ 5$"),
        ("a}b", "a}b"),
        ("${UNSET:-{x}}", "{x}"),
        ("${A:-{x}}", "1}"),  # it ends at the first brace
    ],
)
def test_the_forms(text: str, expected: str) -> None:
    assert filled(text, A="1", EMPTY="") == expected


@given(st.text())
def test_a_value_arrives_as_it_is(value: str) -> None:
    assert filled("<${A}>", A=value) == f"<{value}>"


@given(st.text(alphabet="$A{}:-?'\"`\\ \n", max_size=20))
def test_what_is_filled_in_is_never_looked_at_again(value: str) -> None:
    assert filled("${A}${B}", A=value, B="x") == value + "x"


@given(st.text(alphabet="${}A:-?x", max_size=20))
def test_any_text_gives_a_text_or_the_one_error(text: str) -> None:
    try:
        filled(text, A="1")
    except TemplateInvalidError:
        return


@given(st.text())
def test_doubled_dollars_make_any_text_literal(text: str) -> None:
    assert filled(text.replace("$", "$$")) == text


def test_an_unset_variable_is_named_with_its_place_and_what_to_do() -> None:
    assert refused("sk-${OPENAI}") == "line 3, column 7: the variable OPENAI is not set. Set X_OPENAI."


@pytest.mark.parametrize("value", [{}, {"KEY": ""}])
@pytest.mark.parametrize(
    ("message", "shown"),
    [("ask the\nplatform team", ": ask the platform team"), ("ask me.", ": ask me"), ("", "")],
)
def test_an_own_message_is_shown_before_what_to_do(message: str, shown: str, value: dict[str, str]) -> None:
    assert refused(f"${{KEY:?{message}}}", **value).endswith(f" the variable KEY is not set{shown}. Set X_KEY.")


@pytest.mark.parametrize("text", ["${canary", "${}", "${a canary}", "${1canary}", "${A-canary}", "${A:+canary}"])
def test_a_malformed_variable_is_refused_and_not_repeated(text: str) -> None:
    told = refused(text, A="1")
    assert told.startswith("line 3, column 7: ")
    assert "canary" not in told


def test_no_variable_stands_in_anothers_default() -> None:
    assert "none stands in another's default" in refused("${A:-${B}}", B="1")


def test_a_key_of_the_secret_whose_name_no_shell_takes_is_a_variable_too() -> None:
    assert Variables({"openai-key.txt": "1"}).text(scalar("${openai-key.txt}")) == "1"


def test_a_tag_of_a_program_is_refused() -> None:
    with pytest.raises(TemplateInvalidError, match="a tag"):
        Variables({}).text(ScalarNode(Place(1, 1), "x", "!vault"))


def test_nothing_is_an_empty_text() -> None:
    assert Variables({}).text(scalar("null", "null")) == ""


def test_a_literal_document_has_no_variables() -> None:
    assert Variables({"A": "1"}, literal=True).text(scalar("${A} $$")) == "${A} $$"


def test_litellms_way_to_name_a_variable() -> None:
    variables = Variables({"A": "1"})
    assert variables.from_environment(scalar("os.environ/A"), {}) == "1"
    assert variables.from_environment(scalar("os.environ/B"), {"B": "2"}) == "2"
    assert variables.from_environment(scalar("os.environ/A"), {"A": "2"}) == "1"
    assert variables.from_environment(scalar("${A} os.environ/A"), {}) == "1 os.environ/A"
    with pytest.raises(TemplateInvalidError, match="the variable C is not set"):
        variables.from_environment(scalar("os.environ/C"), {})

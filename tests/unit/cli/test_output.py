import json
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO

import yaml

from llmkeys.api.reasons import Reason
from llmkeys.cli.output import print_data, print_facts, print_line, print_table


def printed(function: Callable[..., None], *arguments: object) -> str:
    caught = StringIO()
    with redirect_stdout(caught):
        function(*arguments)
    return caught.getvalue()


def test_columns_line_up_under_chinese_names() -> None:
    text = printed(print_table, ("NAME", "KIND"), [("智谱", "a"), ("OpenAI", "b")])
    assert text.splitlines() == ["NAME     KIND", "智谱     a", "OpenAI   b"]


def test_facts_stand_in_two_columns() -> None:
    assert printed(print_facts, [("key", "valid"), ("", "more")]) == "key   valid\n      more\n"


def test_yaml_says_what_json_says() -> None:
    value = {"zh": "智谱", "none": None, "reason": Reason.VERIFIED, "long": "x " * 200}
    as_json, as_yaml = printed(print_data, "json", value), printed(print_data, "yaml", value)
    assert yaml.safe_load(as_yaml) == json.loads(as_json)
    assert "智谱" in as_yaml
    assert len(as_yaml.splitlines()) == len(value)


def test_a_line_of_json_is_one_line() -> None:
    assert printed(print_line, {"a": "b\nc"}) == '{"a":"b\\nc"}\n'

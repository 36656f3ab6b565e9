import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.cli.main import main

THROTTLED = """\
reply           HTTP 429, OpenAI (openai)
verdict         Throttled
key             unchanged: nothing is claimed about it
condition       RateLimited is set True
rule            openai.yaml: errors[7]
                the provider's documentation says so
asked to wait   20 s
a new key       Active Unknown, Ready Unknown; what is delivered stays unless onInvalid is Withdraw; the next is tried
                looked at again after 24 s to 36 s
a proven key    Active True, Ready True; what is delivered stays
                looked at again after 24 s to 36 s
message         OpenAI is throttling key "primary"; it is looked at again when the provider allows.
"""
SOURCE = Path(__file__).parents[3] / "operator"
PROMISED = ("verdict", "key", "condition", "rule", "retryAfterSeconds")


def explain(*arguments: str, text: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=text)


def test_a_reply_is_explained_to_a_person() -> None:
    done = explain(
        *("openai", "--status", "429", "--header", "Retry-After: 20", "--body", "-"),
        text='{"error": {"code": "rate_limit_exceeded"}}',
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == THROTTLED


def test_a_program_gets_the_fields_that_were_promised() -> None:
    done = explain("OpenAI", "--status", "401", "-o", "json")
    found = json.loads(done.stdout)
    assert {name: found[name] for name in PROMISED} == {
        "verdict": "Rejected",
        "key": "invalid",
        "condition": "InvalidKey",
        "rule": {"source": "default", "index": found["rule"]["index"], "place": found["rule"]["place"]},
        "retryAfterSeconds": None,
    }
    assert yaml.safe_load(explain("OpenAI", "--status", "401", "-o", "yaml").stdout) == found


def test_the_body_may_come_from_a_file_and_is_not_repeated(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"error": {"code": "insufficient_quota", "message": "canary"}}')
    done = explain("openai", "--status", "429", "--body", str(body))
    assert "QuotaExhausted" in done.stdout
    assert "canary" not in done.output


def test_where_no_reply_came_the_failure_is_explained() -> None:
    assert "ProviderUnreachable" in explain("openai", "--failure", "dns").stdout


def test_many_replies_give_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    lines = [{"id": number, "provider": "openai", "status": status} for number, status in enumerate((401, 429, 302))]
    file.write_text("\n\n".join(map(json.dumps, lines)))
    done = explain("--replies", str(file))
    assert done.exit_code == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["id"], one["verdict"]) for one in found] == [(0, "Rejected"), (1, "Throttled"), (2, "BadEndpoint")]
    assert {tuple(one) for one in found} == {("id", *PROMISED)}


def test_a_line_without_an_answer_stops_no_other_and_shows_in_the_exit_code() -> None:
    done = explain("--replies", "-", text=b'\xff\n{"id": 1, "provider": "openai", "status": 401}\n')
    assert done.exit_code == 1
    first, second = map(json.loads, done.stdout.splitlines())
    assert "error" in first
    assert second["verdict"] == "Rejected"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--replies"),
        (("openai",), 2, "--status"),
        (("openai", "--status", "401", "--failure", "dns"), 2, "--failure"),
        (("openai", "--status", "99"), 2, "99"),
        (("openai", "--status", "401", "--header", "nothing"), 2, "--header"),
        (("openai", "--status", "401", "--body", "/nowhere"), 2, "/nowhere"),
        (("opnai", "--status", "401"), 1, "openai"),
    ],
)
def test_a_wrong_command_line_says_what_to_write(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = explain(*arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert done.stdout == ""


def test_many_replies_may_be_of_one_type_and_come_out_as_yaml() -> None:
    lines = b'{"id": "\\ud800", "status": 401}\n{"id": 1, "provider": "anthropic", "status": 529}\n'
    done = explain("openai", "--replies", "-", "-o", "yaml", text=lines)
    assert done.exit_code == 0
    assert [one["verdict"] for one in yaml.safe_load_all(done.stdout)] == ["Rejected", "Overloaded"]


def test_what_belongs_to_a_single_reply_is_refused_beside_many() -> None:
    done = explain("--replies", "-", "--status", "401", text=b"")
    assert (done.exit_code, "--replies" in done.stderr) == (2, True)


def test_a_reader_who_goes_away_is_no_mistake_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text('{"id": 1, "provider": "openai", "status": 401}\n' * 5_000)
    command = [sys.executable, "-P", "-m", "llmkeys", "explain", "--replies", str(file)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:  # noqa: S603  our own command
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline().startswith(b'{"id":1')
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1

"""The command as a person runs it, with files, standard input and a terminal."""

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click.testing
import pytest
import yaml

from llmkeys.api.credential import credential_from
from llmkeys.cli.main import main
from llmkeys.cli.seal_arguments import KeyOnCommandLineError, require_no_keys
from llmkeys.cli.seal_pins import pin_name, write_pin
from llmkeys.cli.seal_renew import renew
from llmkeys.crypto.header import Header
from llmkeys.crypto.recipients import recipients_delivery
from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.sealing.public_keys import Pin
from tests.unit.sealing.place import CANARY, LEAKED, NEW, OLD, STRANGE, manifest, public_keys, ring_keys, sealed

PROVIDER = "apiVersion: llmkeys.dev/v1alpha1\nkind: LLMProvider\nmetadata: {name: main}\nspec: {type: openai}\n"
GATEWAY = PROVIDER.replace("openai}", "openai, baseURL: 'https://gw.example.com/v1'}")
Result = click.testing.Result
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A person's own folder, with the operator's public key in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "operator.pub").write_text(NEW.public.text() + "\n")
    (tmp_path / "keys.json").write_text(json.dumps(public_keys().listed()))
    return tmp_path


def run(*arguments: str, key: str = CANARY + "\n") -> Result:
    return click.testing.CliRunner().invoke(main, ["seal", *arguments], input=key)


def good(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(result: Result, code: int = 1) -> str:
    assert result.exit_code == code, result.stdout + result.stderr
    assert result.stdout == ""
    assert "canary" not in result.stderr
    return " ".join(result.stderr.split())


def new(*more: str, key: str = CANARY + "\n") -> Result:
    return run("chat", "-n", "team-a", "--public-key", "operator.pub", *more, key=key)


def header(text: str) -> Header:
    return header_of(credential_from(yaml.safe_load(text)).spec.keys[0].sealed["apiKey"])


def test_a_type_of_the_catalogue_is_enough_for_a_whole_manifest() -> None:
    result = new("--provider-type", "openai", "--service-account", "web")
    text = good(result)
    credential = credential_from(yaml.safe_load(text))
    (entry,) = credential.spec.keys
    assert str(credential.key) == "team-a/chat"
    assert (credential.spec.provider_ref.name, credential.spec.target.service_accounts) == ("openai", ("web",))
    assert open_sealed(entry.sealed["apiKey"], lambda _: NEW) == CANARY.encode()
    assert header(text).binding.audience == "https://api.openai.com"
    assert header(text).binding.delivery == "envelope"
    assert NEW.public.key_id in result.stderr
    assert "WIDER" not in text + result.stderr


def test_a_providers_manifest_decides_the_host(home: Path) -> None:
    (home / "provider.yaml").write_text(GATEWAY)
    text = good(new("--provider", "provider.yaml"))
    assert header(text).binding.audience == "https://gw.example.com"
    assert credential_from(yaml.safe_load(text)).spec.provider_ref.name == "main"


def test_where_keys_go_elsewhere_too_nothing_is_bound_to_a_host(home: Path) -> None:
    endpoints = "endpoints: {models: 'https://elsewhere.example.com/models'}"
    (home / "provider.yaml").write_text(PROVIDER.replace("openai}", f"openai, {endpoints}}}"))
    assert "--any-host" in refused(new("--provider", "provider.yaml"))
    assert header(good(new("--provider", "provider.yaml", "--any-host"))).binding.audience == "any"


def test_what_is_wider_is_said_in_the_manifest_and_to_the_person() -> None:
    result = new("--provider-type", "openai", "--any-host", "--delivery", "any", "--scope", "namespace")
    bound = header(good(result)).binding
    assert (bound.audience, bound.delivery, bound.scope, bound.name) == ("any", "any", "namespace", "")
    for shown in (result.stdout, result.stderr):
        assert shown.count("WIDER than usual") == 3


def test_recipients_are_named_in_the_manifest_and_bound(home: Path) -> None:
    (home / "recipient.pub").write_text(OLD.public.text())
    given = ("--recipient", STRANGE.public.text(), "--recipient", "recipient.pub")
    text = good(new("--provider-type", "openai", "--delivery", "recipients", *given))
    assert header(text).binding.delivery == recipients_delivery([OLD.public, STRANGE.public])
    assert set(credential_from(yaml.safe_load(text)).spec.target.recipients) == {
        OLD.public.text(),
        STRANGE.public.text(),
    }
    assert "--delivery recipients" in refused(new("--provider-type", "openai", *given), 2)
    assert "--recipient" in refused(new("--provider-type", "openai", "--delivery", "recipients"), 2)


def test_one_field_alone_is_the_bare_text() -> None:
    text = good(new("--provider-type", "openai", "--field-only"))
    assert text.count("\n") == 1
    assert open_sealed(text, lambda _: NEW) == CANARY.encode()


def test_with_a_field_and_any_host_nothing_else_has_to_be_known() -> None:
    text = good(new("--field", "apiKey", "--any-host", "--field-only"))
    assert header_of(text).binding.audience == "any"


def test_a_manifest_says_for_which_place(home: Path) -> None:
    (home / "chat.yaml").write_text(manifest("to-be-sealed") + "---\n" + PROVIDER)
    text = good(run("--for", "chat.yaml", "--public-key", "operator.pub"))
    bound = header_of(text).binding
    assert (bound.namespace, bound.name, bound.field) == ("team-a", "chat", "apiKey")
    assert bound.audience == "https://api.openai.com"


@pytest.mark.parametrize("target", ["{encryption: None}", f"{{recipients: ['{OLD.public.text()}']}}"])
def test_a_manifest_that_asks_for_another_delivery_is_refused_until_the_person_says_so(home: Path, target: str) -> None:
    (home / "chat.yaml").write_text(manifest("x", target=f"  target: {target}\n") + "---\n" + PROVIDER)
    arguments = ("--for", "chat.yaml", "--public-key", "operator.pub")
    assert "--delivery any|recipients" in refused(run(*arguments), 2)
    assert header_of(good(run(*arguments, "--delivery", "any"))).binding.delivery == "any"


def test_without_a_namespace_it_says_so(home: Path) -> None:
    (home / "chat.yaml").write_text(manifest("x", namespace="") + "---\n" + PROVIDER)
    for arguments in (("chat", "--provider-type", "openai"), ("--for", "chat.yaml")):
        assert "namespace" in refused(run(*arguments, "--public-key", "operator.pub"), 2)
    assert good(run("--for", "chat.yaml", "-n", "team-b", "--public-key", "operator.pub"))


def test_without_a_host_nothing_is_sealed() -> None:
    assert "--provider-type" in refused(new())


def test_without_a_public_key_nothing_is_sealed() -> None:
    assert "--fetch" in refused(run("chat", "-n", "team-a", "--provider-type", "openai"))


def test_the_pinned_key_is_the_one_used_offline() -> None:
    arguments = ("chat", "-n", "team-a", "--provider-type", "openai")
    write_pin("one", Pin("https://one:6443", public_keys()))
    assert header(good(run(*arguments))).key_id == NEW.public.key_id
    write_pin(pin_name("", "https://two:6443"), Pin("https://two:6443", public_keys()))
    assert "--cluster one|two_6443" in refused(run(*arguments))
    assert good(run(*arguments, "--cluster", "two_6443"))
    assert "Pinned are: one, two_6443" in refused(run(*arguments, "--cluster", "three"))


def test_pins_stay_in_the_persons_own_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "/" not in pin_name("../../x", "")
    assert pin_name("..", "") == "cluster"
    monkeypatch.setenv("XDG_CONFIG_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(home / "her"))
    write_pin("one", Pin("https://one:6443", public_keys()))
    (file,) = (home / "her").rglob("*.json")
    assert file.relative_to(home) == Path("her/.config/llmkeys/public-keys/one.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-canary0123456789",
        "hf_canary0123456789012345",
        "0123456789abcdef0123456789abcdef",
        "Canary0123456789Canary",
    ],
)
@pytest.mark.parametrize("before", [(), ("--from-file",), ("--entry",), ("--cluster",), ("--for",), ("--no-such",)])
def test_a_key_on_the_command_line_is_refused_wherever_it_stands(key: str, before: tuple[str, ...]) -> None:
    arguments = [("chat", "-n", "team-a", *before, key)]
    arguments += [("chat", f"{before[0]}={key}")] if before else []
    for given in arguments:
        result = run(*given)
        assert result.exit_code == 2
        assert "looks like a key" in result.stderr
        assert key not in result.output


@pytest.mark.parametrize(
    "argument",
    [
        "chat",
        "openai-production-2026-eu-west-1",
        "team-a-7d9f8b6c5d-x2x4z.v1",
        "--provider-type=openai-compatible",
        "../clusters/eu-west-1/team-a/credential.yaml",
        NEW.public.key_id,
        NEW.public.text(),
        "https://gw.example.com:8443",
    ],
)
def test_a_name_a_path_and_a_public_key_are_no_keys(argument: str) -> None:
    require_no_keys([argument])


def test_a_file_may_be_called_as_it_likes(home: Path) -> None:
    name = "0123456789abcdef0123456789abcdef.yaml"
    with pytest.raises(KeyOnCommandLineError):
        require_no_keys([name])
    (home / name).touch()
    require_no_keys([name])


def test_the_key_may_come_from_a_file_and_is_checked_before_it_is_sealed(home: Path) -> None:
    (home / "key.txt").write_text(CANARY + "\n")
    assert good(new("--provider-type", "openai", "--from-file", "key.txt", key=""))
    assert "empty" in refused(new("--provider-type", "openai", key="\n"))
    assert "another kind of credential" in refused(new("--provider-type", "openai", key="sk-ant-api03-canary"))
    assert "characters" in refused(new("--provider-type", "openai", key="sk-canary with blanks"))


def test_an_unknown_type_names_the_nearest() -> None:
    assert "openai" in refused(new("--provider-type", "opnai"))


def test_a_terminal_is_asked_and_shows_nothing() -> None:
    command = ["seal", "chat", "-n", "team-a", "--provider-type", "openai", "--public-key", "operator.pub"]
    terminal, its_side = pty.openpty()
    program = subprocess.Popen(  # noqa: S603  ourselves
        [sys.executable, "-m", "llmkeys", *command],
        stdin=its_side,
        stdout=its_side,
        stderr=its_side,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    os.close(its_side)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, CANARY.encode() + b"\n")
    with suppress(OSError):  # Linux says EIO when the other side has ended
        while chunk := os.read(terminal, 4096):
            shown += chunk
    os.close(terminal)
    assert program.wait(timeout=30) == 0, shown
    assert b"kind: LLMCredential" in shown
    assert b"canary" not in shown


def test_sealing_offline_imports_nothing_that_talks() -> None:
    program = (
        "import sys; from llmkeys.cli.main import main; "
        "main(sys.argv[1:], standalone_mode=False); "
        "talking = {'aiohttp', 'kopf', 'asyncio', 'ssl', 'structlog', 'llmkeys.kube'} & sys.modules.keys(); "
        "sys.exit(', '.join(talking) or 0)"
    )
    command = ["seal", "chat", "-n", "team-a", "--provider-type", "openai", "--public-key", "operator.pub"]
    done = subprocess.run(  # noqa: S603  ourselves
        [sys.executable, "-c", program, *command],
        input=CANARY,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert "LLMCredential" in done.stdout
    assert done.stderr.splitlines()[-1:] == ["The public key is from operator.pub."]


# --check


def test_check_says_a_line_for_each_value_and_fails_for_a_wrong_one(home: Path) -> None:
    (home / "a.yaml").write_text(manifest(sealed()) + "---\n" + PROVIDER)
    (home / "b.yaml").write_text(manifest(sealed(OLD.public, name="other")))
    assert "ok" in good(run("--check", "--public-key", "keys.json", "a.yaml"))
    result = run("--check", "--public-key", "keys.json", "a.yaml", "b.yaml")
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == "a.yaml:11: team-a/chat primary.apiKey: ok"
    assert second.startswith("b.yaml:11: team-a/chat primary.apiKey: SealedForOtherScope: ")


def test_check_with_a_providers_manifest_sees_another_host(home: Path) -> None:
    (home / "a.yaml").write_text(manifest(sealed()))
    (home / "provider.yaml").write_text(GATEWAY)
    arguments = ("--check", "--public-key", "keys.json", "a.yaml")
    assert "was not checked" in good(run(*arguments))
    result = run(*arguments, "--provider", "provider.yaml", "-o", "json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    assert (found["file"], found["line"], found["problem"]) == ("a.yaml", 11, "SealedForOtherHost")


def test_check_takes_the_namespace_that_the_manifest_leaves_out(home: Path) -> None:
    (home / "a.yaml").write_text(manifest(sealed(), namespace=""))
    arguments = ("--check", "--public-key", "keys.json", "a.yaml")
    assert run(*arguments).exit_code == 1
    assert good(run(*arguments, "-n", "team-a"))


def test_check_needs_files_that_can_be_read(home: Path) -> None:
    (home / "bad.yaml").write_text("a: [")
    (home / "binary.yaml").write_bytes(b"\xff\xfe")
    arguments = ("--check", "--public-key", "keys.json")
    assert "Name the files" in refused(run(*arguments), 2)
    assert "no file" in refused(run(*arguments, "missing.yaml"), 2)
    assert "bad.yaml: line" in refused(run(*arguments, "bad.yaml"))
    assert "binary.yaml: no text" in refused(run(*arguments, "binary.yaml"))
    with (home / "huge.yaml").open("wb") as huge:
        huge.truncate(17 << 20)
    assert "huge.yaml: over" in refused(run(*arguments, "huge.yaml"))
    (home / "none.yaml").write_text("a: b")
    assert good(run(*arguments, "none.yaml")) == ""


# --reseal


def test_reseal_changes_the_values_and_neither_the_rest_nor_the_mode(home: Path) -> None:
    before = manifest(f"'{sealed(OLD.public)}'").replace("\n", "\r\n")
    file = home / "a.yaml"
    file.write_bytes(before.encode())
    file.chmod(0o640)
    (home / "link.yaml").symlink_to(file)
    assert not renew((home / "link.yaml",), ring_keys(), dry_run=False)
    after = file.read_bytes().decode()
    value = yaml.safe_load(after)["spec"]["keys"][0]["sealed"]["apiKey"]
    assert header_of(value).key_id == NEW.public.key_id
    assert after == manifest(f"'{value}'").replace("\n", "\r\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert (home / "link.yaml").is_symlink()
    assert [one.name for one in home.glob(".*")] == []


def test_a_dry_run_shows_the_headers_and_writes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "a.yaml"
    file.write_text(manifest(sealed(LEAKED.public)))
    before = file.read_bytes()
    assert not renew((file,), ring_keys(), dry_run=True)
    assert file.read_bytes() == before
    shown = capsys.readouterr().out
    assert f"- key: {LEAKED.public.key_id}\n+ key: {NEW.public.key_id}\n  purpose: seal\n" in shown


def test_a_file_with_a_value_that_does_not_open_stays_and_the_others_are_renewed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, fine = home / "bad.yaml", home / "fine.yaml"
    bad.write_text(manifest(sealed(OLD.public)) + "---\n" + manifest(sealed(STRANGE.public)))
    fine.write_text(manifest(sealed(OLD.public)))
    before = bad.read_bytes()
    assert renew((bad, fine), ring_keys(), dry_run=False)
    assert bad.read_bytes() == before
    assert (
        NEW.public.key_id == header_of(yaml.safe_load(fine.read_text())["spec"]["keys"][0]["sealed"]["apiKey"]).key_id
    )
    assert "bad.yaml: line 23: There is no key" in capsys.readouterr().err


def test_a_file_that_cannot_be_replaced_stays_whole(home: Path) -> None:
    folder = home / "closed"
    folder.mkdir()
    file = folder / "a.yaml"
    file.write_text(manifest(sealed(OLD.public)))
    before = file.read_bytes()
    limited = (
        "import resource, signal, sys; from pathlib import Path; from llmkeys.cli.seal_files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "write_atomically(Path(sys.argv[1]), b'x' * 10000)"
    )
    done = subprocess.run(  # noqa: S603  ourselves
        [sys.executable, "-c", limited, file], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert "File too large" in done.stderr
    assert file.read_bytes() == before
    assert [one.name for one in folder.iterdir()] == ["a.yaml"]

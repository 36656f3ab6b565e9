import json
import signal
import sys
from pathlib import Path

import pytest

from llmkeys.client import UnsealError, load
from tests.support.wait import eventually
from tests.unit.client.processes import modules_after, run, running
from tests.unit.client.unsealing import CANARY, Pod, ProjectedVolume, opened, refused

# PyJWT is `jwt`.
HEAVY = {"kopf", "httpx", "kubernetes", "aiohttp", "msgspec", "yaml", "cryptography", "structlog", "jwt", "rich"}


def as_main(arguments: list[str]) -> str:
    return (
        f"import runpy\nsys.argv = {arguments!r}\n"
        "try:\n    runpy.run_module('llmkeys', run_name='__main__')\nexcept SystemExit:\n    pass"
    )


def test_the_client_imports_nothing_but_the_standard_library() -> None:
    found = modules_after("import llmkeys.client")
    foreign = {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("llmkeys.client")} == {
        "llmkeys",
        "llmkeys.api",
        "llmkeys.api.errors",
    }


def test_to_unseal_nothing_heavy_is_imported(pod: Pod, tmp_path: Path) -> None:
    arguments = ["llmkeys", "unseal", "--out", str(tmp_path / "out"), *pod.arguments()]
    found = modules_after(as_main(arguments))
    assert (tmp_path / "out").is_file()
    assert "click" in found
    assert not {name.partition(".")[0] for name in found} & HEAVY


def test_to_unseal_all_nothing_heavy_is_imported(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai")
    arguments = ["llmkeys", "unseal", "--all", "--out", str(tmp_path), "--sealed", str(volume.folder)]
    found = modules_after(as_main(arguments), **volume.variables())
    assert (tmp_path / "openai.env").is_file()
    assert not {name.partition(".")[0] for name in found} & HEAVY


def test_exec_imports_nothing_heavy() -> None:
    assert not {name.partition(".")[0] for name in modules_after(as_main(["llmkeys", "exec", "--help"]))} & HEAVY


def test_unseal_writes_what_the_envelope_holds(pod: Pod, tmp_path: Path) -> None:
    out = tmp_path / "out" / "openai.env"
    done = run("unseal", "--out", str(out), *pod.arguments())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.read_text() == f"OPENAI_API_KEY='{CANARY}'\n"
    assert run("unseal", "--out", str(out), "--ready").returncode == 0
    out.unlink()
    assert run("unseal", "--out", str(out), "--ready").returncode == 1


def test_places_may_come_from_variables(pod: Pod, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", pod.settings
    done = run(
        *("unseal", "--format", "json", "--out", str(out)),
        *("--envelope", str(settings.envelope), "--token", str(settings.token)),
        LLMKEYS_CREDENTIAL=settings.credential,
        LLMKEYS_UNSEALER=settings.unsealer,
        LLMKEYS_CA=settings.authorities,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == {"OPENAI_API_KEY": CANARY}


def test_a_refusal_is_one_line_and_an_exit_code(pod: Pod, tmp_path: Path) -> None:
    pod.service.answers = [refused(403, "Denied")]
    done = run("unseal", "--out", str(tmp_path / "out"), *pod.arguments())
    assert done.returncode == 14
    assert done.stderr.startswith("Error: The pod's account")
    assert done.stderr.count("\n") == 1


def test_the_help_names_every_exit_code() -> None:
    text = run("unseal", "--help").stdout
    for code in (2, *range(10, 23), 30, 31, 32):
        assert f" {code}  " in text


def test_a_duration_that_is_none_is_a_wrong_option(tmp_path: Path) -> None:
    done = run("unseal", "--out", str(tmp_path / "out"), "--deadline", "soon")
    assert done.returncode == 2
    assert "90s" in done.stderr


def test_exec_gives_the_variables_to_the_command_and_to_nobody_else(pod: Pod) -> None:
    pod.service.answers = [opened(1, OPENAI_API_KEY=CANARY, OTHER="2")]
    script = (
        "import os, signal; "
        "print(os.environ['OPENAI_API_KEY'], os.environ['OTHER'], os.environ['MINE']); "
        f"print('{CANARY[:9]}' + '{CANARY[9:]}' in open('/proc/self/cmdline').read())"
    )
    done = run("exec", *pod.arguments(), "--", sys.executable, "-c", script, MINE="mine", OTHER="stale")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == [f"{CANARY} 2 mine", "False"]


def test_exec_becomes_the_command_with_signals_as_they_were(pod: Pod) -> None:
    done = run("exec", *pod.arguments(), "--", "grep", "SigIgn", "/proc/self/status")
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored >> (signal.SIGPIPE - 1) & 1
    assert not ignored >> (signal.SIGXFSZ - 1) & 1


def test_exec_ends_as_its_command_does(pod: Pod) -> None:
    assert run("exec", *pod.arguments(), "--", "sh", "-c", "exit 3").returncode == 3
    assert run("exec", *pod.arguments(), "--", "no-such-command").returncode == 127
    assert run("exec", *pod.arguments(), "--", "/etc").returncode == 126


def test_exec_runs_nothing_if_the_envelope_would_change_how_it_starts(pod: Pod) -> None:
    pod.service.answers = [opened(1, LD_PRELOAD="/tmp/evil.so", A="1")]  # noqa: S108  a value, no file
    done = run("exec", *pod.arguments(), "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (32, "")
    assert "LD_PRELOAD" in done.stderr
    assert "evil" not in done.stderr


def test_follow_writes_anew_and_ends_when_told_to(pod: Pod, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running("unseal", "--follow", "--out", str(out), *pod.arguments()) as process:
        eventually(out.exists, timeout=30)
        pod.service.answers = [opened(2, OPENAI_API_KEY="new")]
        pod.mount("llmkeysE1.another.one")
        eventually(lambda: out.read_text() == "OPENAI_API_KEY='new'\n", timeout=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert out.exists()


def test_follow_ends_with_access_and_takes_the_file_away(pod: Pod, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pod.service.answers = [opened(), refused(403, "Withdrawn")]
    done = run("unseal", "--follow", "--renew", "1s", "--out", str(out), *pod.arguments())
    assert done.returncode == 15
    assert "withdrawn" in done.stderr
    assert CANARY not in done.stderr
    assert not out.exists()


def test_load_gives_text_and_bytes_and_writes_nothing(pod: Pod) -> None:
    pod.service.answers = [opened(1, A=CANARY, B={"base64": "/w=="})]
    before = sorted(pod.folder.iterdir())
    settings = pod.settings
    found = load(
        "openai",
        envelope=str(settings.envelope),
        token=settings.token,
        unsealer=settings.unsealer,
        ca_file=pod.authorities,
    )
    assert found == {"A": CANARY, "B": b"\xff"}
    assert sorted(pod.folder.iterdir()) == before


def test_load_says_what_is_missing(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMKEYS_CREDENTIAL", raising=False)
    with pytest.raises(UnsealError, match="LLMKEYS_CREDENTIAL"):
        load(envelope=pod.settings.envelope, token=pod.settings.token, wait=0, deadline=0)

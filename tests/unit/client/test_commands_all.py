"""`llmkeys unseal --all` as an injected pod runs it: arguments, exit codes, and what is left in its log."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.wait import eventually
from tests.unit.client.processes import run, running
from tests.unit.client.unsealing import CANARY, ProjectedVolume, opened, refused, shown

DENIED = refused(403, "Denied")
# What the kubelet makes the termination message of (FallbackToLogsOnError): the log's last 80 lines, at most 2 KiB.
TERMINATION_BYTES = 2048


def arguments(volume: ProjectedVolume, out: Path, *more: str) -> tuple[str, ...]:
    return ("unseal", "--all", "--out", str(out), "--sealed", str(volume.folder), "--wait=0s", "--deadline=0s", *more)


def unseal(volume: ProjectedVolume, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments(volume, out, *more), **volume.variables())


def test_it_writes_every_credential(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai", "anthropic")
    volume.service.answers_for["anthropic"] = [opened(1, ANTHROPIC_API_KEY="a1")]
    done = unseal(volume, tmp_path / "out", "--require", "openai, anthropic")
    assert (done.returncode, done.stdout) == (0, "")
    assert shown(tmp_path / "out") == {
        "anthropic.env": "ANTHROPIC_API_KEY='a1'\n",
        "anthropic/ANTHROPIC_API_KEY": "a1",
        "openai.env": f"OPENAI_API_KEY='{CANARY}'\n",
        "openai/OPENAI_API_KEY": CANARY,
    }
    assert done.stderr.splitlines() == [
        "llmkeys: openai: wrote OPENAI_API_KEY (delivery 1)",
        "llmkeys: anthropic: wrote ANTHROPIC_API_KEY (delivery 1)",
    ]


def test_the_last_of_the_log_is_enough_to_know_which_one_failed_and_what_to_do(
    volume: ProjectedVolume, tmp_path: Path
) -> None:
    volume.mount(*(f"spare-{number:02}" for number in range(20)), "openai")
    volume.service.answers = [DENIED]
    done = unseal(volume, tmp_path / "out", "--require", "openai")
    message = done.stderr.encode()[-TERMINATION_BYTES:].decode()
    assert done.returncode == 14
    assert message.splitlines()[-1].startswith("Error: openai: The pod's account")
    assert "spec.target.serviceAccounts" in message.splitlines()[-1]
    assert len(done.stderr.splitlines()) <= 80
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (401, "TokenInvalid", 12),
        (403, "Denied", 14),
        (403, "Withdrawn", 15),
        (404, "NoSuchCredential", 16),
        (403, "StaleEnvelope", 17),
        (422, "DecryptFailed", 18),
        (503, "Unavailable", 20),
    ],
)
def test_a_required_failure_is_the_exit_code_and_the_last_line(
    volume: ProjectedVolume, tmp_path: Path, status: int, reason: str, code: int
) -> None:
    volume.mount("openai", "anthropic")
    volume.service.answers_for["openai"] = [refused(status, reason)]
    done = unseal(volume, tmp_path / "out", "--require=openai")
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert CANARY not in done.stderr


def test_nothing_mounted_has_a_code_of_its_own(volume: ProjectedVolume, tmp_path: Path) -> None:
    done = unseal(volume, tmp_path / "out")
    assert done.returncode == 10
    assert done.stderr.startswith("Error: There is no envelope in")


def test_an_optional_refusal_is_no_failure(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai", "anthropic")
    volume.service.answers_for["anthropic"] = [DENIED]
    done = unseal(volume, tmp_path / "out", "--optional=anthropic", "--optional=third")
    assert done.returncode == 0
    assert "llmkeys: anthropic: not written: The pod's account" in done.stderr
    written = shown(tmp_path / "out")
    assert (written["anthropic.env"], written["third.env"]) == ("", "")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--all", "--require=Open_AI"),
        ("--all", "--optional=../openai"),
        ("--all", "--format=json"),
        ("--all", "--envelope=/envelope"),
        ("--require=openai",),
        ("--optional=openai",),
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_said(wrong: tuple[str, ...], tmp_path: Path) -> None:
    done = run("unseal", "--out", str(tmp_path / "out"), *wrong)
    assert done.returncode == 2
    assert wrong[-1].partition("=")[0] in done.stderr


def test_the_probe_is_content_once_the_required_ones_are_written(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai")
    out = tmp_path / "out"
    assert unseal(volume, out, "--ready", "--require=openai").returncode == 1
    assert unseal(volume, out, "--require=openai").returncode == 0
    assert unseal(volume, out, "--ready", "--require=openai").returncode == 0
    assert unseal(volume, out, "--ready", "--require=openai,other").returncode == 1


def test_follow_writes_what_changes_and_what_appears_until_it_is_told_to_end(
    volume: ProjectedVolume, tmp_path: Path
) -> None:
    volume.mount("openai")
    out = tmp_path / "out"
    with running(*arguments(volume, out, "--follow", "--require=openai"), **volume.variables()) as process:
        eventually((out / "openai.env").exists, timeout=30)
        volume.service.answers_for["openai"] = [opened(2, OPENAI_API_KEY="new")]
        volume.mount("anthropic", openai="llmkeysE1.another.one")
        eventually((out / "anthropic.env").exists, timeout=30)
        eventually(lambda: (out / "openai.env").read_text() == "OPENAI_API_KEY='new'\n", timeout=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (out / "openai.env").exists()


def test_follow_ends_with_access_to_a_required_one(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai", "anthropic")
    volume.service.answers_for["openai"] = [opened(), refused(403, "Withdrawn")]
    done = unseal(volume, tmp_path / "out", "--follow", "--renew=1s", "--require=openai")
    assert done.returncode == 15
    assert done.stderr.splitlines()[-1].startswith('Error: openai: LLMCredential "openai" is withdrawn')
    assert shown(tmp_path / "out").keys() == {"anthropic.env", "anthropic/OPENAI_API_KEY"}


def test_while_it_waits_the_log_says_for_what(volume: ProjectedVolume, tmp_path: Path) -> None:
    volume.mount("openai")
    volume.service.answers = [refused(503, "Unavailable")]
    command = [*arguments(volume, tmp_path / "out"), "--deadline=60s"]
    with running(*command, **volume.variables()) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"llmkeys: trying again: The unsealer cannot reach")
        volume.service.answers = [opened()]
        assert process.wait(30) == 0

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulator.__main__ import main
from tests.support.simulator.behaviour import Behaviour, Kind, from_wire, to_wire
from tests.support.simulator.probing import credentials, probe_url, trusting
from tests.support.simulator.remote import RemoteSimulator, launch
from tests.support.wait import eventually

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-canary-0123456789äöü/+="


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteSimulator]:
    with RemoteSimulator.spawn(["openai", "openai:b", "ollama"]) as remote:
        yield remote


async def probe(simulator: RemoteSimulator, name: str, key: str = "sk-plain-0123456789") -> int:
    url, headers = probe_url(simulator, name), credentials(name, key)
    async with trusting(simulator.ca_pem) as client, client.get(url, headers=headers) as response:
        return response.status


async def test_another_process_changes_what_a_key_gets(remote: RemoteSimulator) -> None:
    before = await probe(remote, "openai")
    remote.set("sk-plain-0123456789", Behaviour.GOOD, "openai")
    after = await probe(remote, "openai")
    remote.default("openai:b", Behaviour.html_page(503))

    assert (before, after) == (401, 200)
    assert await probe(remote, "openai:b") == 503


async def test_another_process_reads_the_calls(remote: RemoteSimulator) -> None:
    remote.reset()
    earliest = time.monotonic()
    await probe(remote, "openai", KEY)
    await probe(remote, "ollama", KEY)

    assert [(call.server, call.path) for call in remote.calls(KEY)] == [
        ("openai", "/v1/models"),
        ("ollama", "/api/tags"),
    ]
    assert remote.calls(KEY, "ollama") == remote.calls(type="ollama")
    assert all(earliest <= call.at <= time.monotonic() for call in remote.calls())
    assert (remote.calls_total(), remote.calls_total("ollama"), remote.peak_concurrency()) == (2, 1, 1)
    assert remote.calls("sk-nobody") == []


async def test_another_process_takes_a_server_down_and_up(remote: RemoteSimulator) -> None:
    remote.down("ollama")
    assert remote.stats()["servers"]["ollama"]["up"] is False
    with pytest.raises(OSError):
        await probe(remote, "ollama")
    remote.up("ollama")
    assert await probe(remote, "ollama") == 200


async def test_several_clients_share_one_process(remote: RemoteSimulator) -> None:
    second = RemoteSimulator(remote.control)
    second.latency("ollama", 1)
    second.models("ollama", ["one"])
    second.stop()  # not its process

    assert await probe(remote, "ollama") == 200
    assert second.names == remote.names == ("openai", "openai:b", "ollama")


def test_a_wrong_order_is_refused_with_its_cause(remote: RemoteSimulator) -> None:
    with pytest.raises(ValueError, match="nobody"):
        remote.down("nobody")
    with pytest.raises(ValueError, match="milliseconds"):
        remote.latency("openai", "soon")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`type` is missing"):
        remote.up(None)  # type: ignore[arg-type]


def test_it_ends_cleanly_when_told_to() -> None:
    remote = RemoteSimulator.spawn(["openai"])

    assert remote.stop() == 0
    assert remote.stop() is None


def test_it_dies_with_its_parent() -> None:
    script = """
        import sys
        from tests.support.simulator.remote import RemoteSimulator
        print(RemoteSimulator.spawn(["openai"]).pid, flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(  # noqa: S603  (our own words)
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()

    eventually(lambda: not _is_alive(child), every=0.01, message="the end of the child")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_person_gives_keys_in_a_file_and_gets_urls_and_the_ca(tmp_path: Path) -> None:
    keys, authority = tmp_path / "keys.yaml", tmp_path / "ca.pem"
    keys.write_text("sk-plain-0123456789: {kind: throttled, retry_after: 60}\nsk-other: good\n")
    arguments = ("--types", "openai", "--control", "0", "--latency-ms", "1")
    with launch(*arguments, "--keys", str(keys), "--ca-out", str(authority)) as process:
        try:
            assert process.stdout is not None
            name, url = process.stdout.readline().split()
            remote = RemoteSimulator(process.stdout.readline().split()[1])
            assert (name, url) == ("openai", remote.url("openai"))
            assert authority.read_text() == remote.ca_pem
            assert await probe(remote, "openai") == 429
            assert await probe(remote, "openai", "sk-other") == 200
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--types", "openai,nobody"], "no such type: nobody"),
        (["--keys", "{file}"], "is not a YAML mapping of keys to behaviours"),
    ],
)
def test_a_wrong_argument_is_explained_and_shows_no_key(tmp_path: Path, arguments: list[str], text: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"{KEY}: nonsense\n")
    filled = [one.format(file=file) for one in arguments]

    ended = CliRunner().invoke(main, filled)

    assert ended.exit_code == 1
    assert text in ended.output
    assert KEY not in ended.output


behaviours = st.builds(
    Behaviour,
    kind=st.sampled_from(Kind),
    status=st.integers(100, 599),
    retry_after=st.none() | st.integers(0) | st.text(),
    seconds=st.floats(0, 1e6),
    like=st.sampled_from(Kind),
    after_headers=st.booleans(),
    size=st.integers(0, 1000),
    headers=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    body=st.binary(),
)


@given(behaviours)
def test_a_behaviour_survives_the_way_through_json(behaviour: Behaviour) -> None:
    assert from_wire(to_wire(behaviour)) == behaviour


@pytest.mark.parametrize(
    ("form", "behaviour"),
    [
        ("good", Behaviour.GOOD),
        ("NO_MONEY", Behaviour.NO_MONEY),
        ("server_error", Behaviour.server_error(500)),
        ({"kind": "server_error", "status": 502}, Behaviour.server_error(502)),
        ({"kind": "throttled", "retry_after": 60}, Behaviour.throttled(60)),
        ({"kind": "huge_body"}, Behaviour.huge_body()),
        ({"kind": "raw", "status": 418, "text": "tea"}, Behaviour.raw(418, body="tea")),
    ],
)
def test_people_write_behaviours_in_short(form: object, behaviour: Behaviour) -> None:
    assert from_wire(form) == behaviour


@pytest.mark.parametrize(
    "form", ["", "nonsense", 7, None, {}, {"kind": "good", "colour": 1}, {"kind": "slow", "seconds": "x"}]
)
def test_what_is_no_behaviour_is_refused(form: object) -> None:
    with pytest.raises(ValueError):
        from_wire(form)

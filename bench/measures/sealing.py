"""How long it takes to seal and to open, in this process and as a command; nothing of a cluster is needed."""

import time
from collections.abc import Callable
from pathlib import Path

from bench import manifests
from bench.commands import run_command
from bench.run import Run
from bench.samples import median, percentile
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding, open_envelope, seal_envelope
from llmkeys.crypto.header import ENVELOPE, Binding, Purpose, Scope
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import RootKeys, SealingKeys
from llmkeys.crypto.sealing import open_sealed, seal

_CALLS = 1000
_WARM_UP = 50
_RUNS = 10
_BINDING = Binding(Purpose.SEAL, Scope.CREDENTIAL, "team-a", "openai", "apiKey", "https://api.openai.com:443", ENVELOPE)
_PLACE = EnvelopeBinding("11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000", 7)


async def sealing(run: Run) -> None:
    """Library first, then the command."""
    keys = SealingKeys(Ring.first("sealing", time.time()))
    _library(run, keys)
    _command(run, keys.active)


def _library(run: Run, keys: SealingKeys) -> None:
    key = manifests.new_key().encode()
    sealed = seal(keys.active, _BINDING, key)
    _note(run, "seal", lambda: seal(keys.active, _BINDING, key))
    _note(run, "open", lambda: open_sealed(sealed, keys))
    roots = RootKeys(Ring.first("envelope", time.time()))
    content = encode_content({manifests.VARIABLE: key, "OPENAI_BASE_URL": b"https://api.openai.com/v1"})
    envelope = seal_envelope(roots.active, _PLACE, content)
    uids = (_PLACE.namespace_uid, _PLACE.credential_uid)
    _note(run, "envelope_seal", lambda: seal_envelope(roots.active, _PLACE, content))
    _note(run, "envelope_open", lambda: open_envelope(envelope, roots, *uids))


def _note(run: Run, name: str, work: Callable[[], object]) -> None:
    milliseconds = []
    for _ in range(_WARM_UP + _CALLS):
        started = time.perf_counter()
        work()
        milliseconds.append((time.perf_counter() - started) * 1000)
    measured = milliseconds[_WARM_UP:]
    run.note("crypto_ms", **{name: round(median(measured), 4), f"{name}_p95": round(percentile(measured, 95), 4)})


def _command(run: Run, public: PublicKey) -> None:
    file = run.stage.folder / "operator.pub"
    file.write_text(public.text(), encoding="utf-8")
    _run(file)  # compiles what was never imported
    seconds = [_run(file) for _ in range(_RUNS)]
    run.note("commands", seal_seconds=round(median(seconds), 3), seal_seconds_max=round(max(seconds), 3))


def _run(public_key: Path) -> float:
    provider = ("--provider-type", "openai", "--provider-name", "openai")
    return run_command(["seal", "openai", "-n", "team-a", *provider, "--public-key", str(public_key)], _line())


def _line() -> str:
    return manifests.new_key() + "\n"

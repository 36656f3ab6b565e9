import json
import stat
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path

from click.testing import CliRunner, Result

from llmkeys.api.names import INTERNAL_LABEL, SEALING_SECRET
from llmkeys.cli.main import main
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.ring import ring_from
from llmkeys.crypto.wrapping import Wrapper, is_wrapped, kek_from


def generate(file: Path) -> Result:
    return CliRunner().invoke(main, ["keys", "generate", str(file)])


def test_the_private_key_goes_into_a_file_for_its_owner_alone_and_the_public_one_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "holder.key"

    done = generate(file)

    assert done.exit_code == 0
    private = PrivateKey.parse(file.read_text(encoding="utf-8"))
    assert PublicKey.parse(done.stdout) == private.public
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert private.reveal() not in done.output


def test_a_private_key_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "holder.key"
    generate(file)
    before = file.read_bytes()

    done = generate(file)

    assert done.exit_code == 1
    assert "File exists" in done.stderr
    assert file.read_bytes() == before


def test_a_key_pair_is_made_where_nothing_of_kubernetes_is_installed(tmp_path: Path) -> None:
    text = (
        "import sys\n"
        "for name in ('aiohttp', 'kopf', 'structlog', 'kubernetes'): sys.modules[name] = None\n"
        "from llmkeys.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )

    def keys(*args: str) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-c", text, "keys", *args]
        return subprocess.run(run, capture_output=True, text=True, check=False)  # noqa: S603

    done = keys("generate", str(tmp_path / "k"))
    other = keys("list")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("llmkeys-public-1:")
    assert other.returncode == 1
    assert "pip install 'llmkeys[controller]'" in other.stderr


def generate_ring(file: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["keys", "generate", str(file), "--ring", *args])


def data_of(file: Path) -> dict[str, bytes]:
    return {name: b64decode(value) for name, value in json.loads(file.read_bytes())["data"].items()}


def test_a_ring_is_the_secret_that_the_operator_takes_over_and_its_public_key_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "ring.json"

    done = generate_ring(file, "-n", "keys")

    assert done.exit_code == 0
    ring = ring_from(data_of(file), "sealing")
    assert PublicKey.parse(done.stdout).key_id == ring.active.key_id
    made = json.loads(file.read_bytes())
    assert made["metadata"] == {"name": SEALING_SECRET, "namespace": "keys", "labels": {INTERNAL_LABEL: "true"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b64encode(ring.active.material).decode() not in done.output


def test_a_ring_is_wrapped_where_there_is_a_kek(tmp_path: Path) -> None:
    file, kek = tmp_path / "ring.json", tmp_path / "kek"
    kek.write_text("00112233445566778899aabbccddeeff" * 2)

    done = generate_ring(file, f"--keyring-kek={kek}")

    assert done.exit_code == 0
    assert is_wrapped(data_of(file))
    ring = ring_from(Wrapper(kek_from(kek.read_bytes())).unwrap(data_of(file), "sealing"), "sealing")
    assert PublicKey.parse(done.stdout).key_id == ring.active.key_id


def test_a_ring_is_not_made_with_a_kek_that_is_none(tmp_path: Path) -> None:
    file, kek = tmp_path / "ring.json", tmp_path / "kek"
    kek.write_text("a passphrase")

    done = generate_ring(file, f"--keyring-kek={kek}")

    assert done.exit_code == 1
    assert "key-encryption key" in done.stderr
    assert not file.exists()


def test_a_ring_that_is_there_is_never_overwritten_and_kubectl_apply_is_not_advised(tmp_path: Path) -> None:
    file = tmp_path / "ring.json"
    done = generate_ring(file)
    before = file.read_bytes()

    again = generate_ring(file)

    assert "kubectl create -f" in done.stderr
    assert "apply" not in done.stderr
    assert again.exit_code == 1
    assert file.read_bytes() == before

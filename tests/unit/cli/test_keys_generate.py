import stat
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from llmkeys.cli.main import main
from llmkeys.crypto.keypair import PrivateKey, PublicKey


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

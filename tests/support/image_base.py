"""A base image like `python:3.13-slim`, made from Debian's packages where no registry can be reached."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.cluster_build import Log, run_visibly
from tests.support.node_machine import program

BASE_IMAGE = "localhost/python:3.13-slim"

_SUITE = "trixie"  # its Python is 3.13
_PACKAGES = ("python3", "python3-venv", "ca-certificates")
_DROPPED = ("var/cache/apt", "var/lib/apt/lists", "var/log")


class Storage:
    """Where a builder of ours keeps images; not where others of this machine do."""

    def __init__(self, folder: Path) -> None:
        """Take a folder, which is made when something is stored."""
        self._folder = folder

    def command(self, *arguments: str | Path) -> list[str | Path]:
        """Return a command line of buildah."""
        return [program("buildah"), f"--root={self._folder}", f"--runroot={self._folder}-run", *arguments]

    def holds(self, image: str) -> bool:
        return (
            subprocess.run(self.command("inspect", "--type=image", image), capture_output=True, check=False).returncode
            == 0
        )

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._output("inspect", "--type=image", image))
        return found

    def layers(self, image: str) -> int:
        """How many an image has."""
        return len(self.inspect(image)["OCIv1"]["rootfs"]["diff_ids"])

    def run(self, *arguments: str | Path) -> None:
        self._output(*arguments)

    def first_line(self, *arguments: str | Path) -> str:
        return self._output(*arguments).strip()

    def _output(self, *arguments: str | Path) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done.stdout


def ensure_base(storage: Storage, *, log: Log, environ: Mapping[str, str], output: Path) -> None:
    """Make the base image unless it is there.

    Args:
        storage: where it belongs.
        log: gets the progress, a line at a time.
        environ: for debootstrap.
        output: gets debootstrap's words.

    Raises:
        ClusterUnavailableError: Debian's packages cannot be had.

    """
    if storage.holds(BASE_IMAGE):
        return
    log(f"Making {BASE_IMAGE} from the packages of Debian {_SUITE}, once. This takes 1 to 2 minutes.")
    with tempfile.TemporaryDirectory(prefix="llmkeys-image-") as folder:
        root = Path(folder) / "root"
        run_visibly(
            [program("debootstrap"), "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, root],
            title="debootstrap",
            folder=Path(folder),
            environ=environ,
            output=output,
            log=log,
        )
        _make_alike(root)
        archive = shutil.make_archive(str(Path(folder) / "base"), "tar", root)
        _commit(storage, Path(archive))


def _make_alike(root: Path) -> None:
    """Leave out what the official image does not have either, and add what it has."""
    for name in _DROPPED:
        shutil.rmtree(root / name)
        (root / name).mkdir()
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (root / "usr" / "bin" / "python").symlink_to("python3")


def _commit(storage: Storage, archive: Path) -> None:
    container = storage.first_line("from", "scratch")
    storage.run("add", "--quiet", container, archive, "/")
    storage.run("config", "--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    storage.run("commit", "--quiet", "--rm", container, BASE_IMAGE)

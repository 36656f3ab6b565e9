"""Images built from their Dockerfiles without a daemon, and what the tests have to know of them."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cluster_build import Log, locked, run_visibly
from tests.support.cluster_source import cache_folder
from tests.support.image_base import BASE_IMAGE, Storage, ensure_base

ROOT = Path(__file__).resolve().parents[2]

_PRODUCT_INPUTS = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "requirements", "operator")
_CHAT = ROOT / "examples" / "workloads" / "python"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_REGISTRY = "docker.io/library"
_KEPT = 2
_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in a file."""

    reference: str
    """As a pod names it, but for the registry's default."""
    archive: Path
    bytes_above_base: int
    config: dict[str, Any]
    """What its `config` says (OCI image specification)."""


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """What an image is made of.

    Args:
        name: of the image.
        version: its tag.
        folder: with its Dockerfile.
        inputs: the files and folders in there that it depends on.

    """

    name: str
    version: str
    folder: Path
    inputs: tuple[str, ...]

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.version}"

    @property
    def digest(self) -> str:
        """Tells sources apart by content."""
        digest = hashlib.sha256()
        for name in self.inputs:
            given = self.folder / name
            for file in [given] if given.is_file() else sorted(given.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(f"{file.relative_to(self.folder)}\0{file.stat().st_size}\0".encode())
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def ensure_image(log: Log = print, *, environ: Mapping[str, str] = os.environ) -> Image:
    """Build the image of this very source, or take it from the cache if it was built before.

    Args:
        log: gets the progress, a line at a time.
        environ: decides where the cache is, and how pip finds its index.

    Raises:
        ClusterUnavailableError: it cannot be built; the text ends with the builder's words.

    """
    product = _Recipe(name="llmkeys", version=_version(), folder=ROOT, inputs=_PRODUCT_INPUTS)
    return _ensure(product, environ=environ, log=log)


def ensure_chat_image(log: Log = print, *, environ: Mapping[str, str] = os.environ) -> Image:
    """The same for the example of a workload in Python; arguments and errors as above."""
    inputs = tuple(sorted(file.name for file in _CHAT.iterdir() if file.suffix != ".yaml"))
    chat = _Recipe(name="chat-python", version="1", folder=_CHAT, inputs=inputs)
    return _ensure(chat, environ=environ, log=log)


def _ensure(recipe: _Recipe, *, environ: Mapping[str, str], log: Log) -> Image:
    cache = cache_folder(environ)
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"image-{recipe.name}-{recipe.version}-{recipe.digest}.tar"
    with locked(cache / "image.lock", log=log, waiting_for="another process that builds an image"):
        storage = Storage(cache / "image-storage")
        if not archive.is_file():
            _build(storage, archive, recipe, environ=environ, log=log)
        facts = json.loads(archive.with_suffix(".json").read_text(encoding="utf-8"))
    return Image(reference=recipe.reference, archive=archive, **facts)


def _build(storage: Storage, archive: Path, recipe: _Recipe, *, environ: Mapping[str, str], log: Log) -> None:
    output = archive.parent / "image.log"
    # What a build that was interrupted has left.
    storage.run("rm", "--all")
    ensure_base(storage, log=log, environ=environ, output=output)
    reference = f"{_REGISTRY}/{recipe.reference}"
    with tempfile.TemporaryDirectory(prefix="llmkeys-image-") as scratch:
        run_visibly(
            storage.command(
                *("build", "--isolation=chroot", "--pull-never", f"--tag={reference}"),
                *(f"--build-arg=BASE_IMAGE={BASE_IMAGE}", f"--build-arg=VERSION={recipe.version}"),
                *(f"--volume={mount}" for mount in _index_settings(Path(scratch), environ)),
                recipe.folder,
            ),
            title=f"buildah build of {recipe.name}",
            folder=recipe.folder,
            environ=environ,
            output=output,
            log=log,
        )
    storage.run("rmi", "--prune")
    staged = archive.with_suffix(".staged")
    run_visibly(
        storage.command("push", "--quiet", reference, f"docker-archive:{staged}:{reference}"),
        title="buildah push",
        folder=recipe.folder,
        environ=environ,
        output=output,
        log=log,
    )
    facts = {
        "bytes_above_base": sum(_layer_sizes(staged)[storage.layers(BASE_IMAGE) :]),
        "config": storage.inspect(reference)["OCIv1"]["config"],
    }
    archive.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
    staged.rename(archive)
    _forget_all_but(_KEPT, archive)


def _forget_all_but(kept: int, archive: Path) -> None:
    """Remove the oldest builds of an image, each of which is some 200 MB."""
    alike = f"{archive.name.rpartition('-')[0]}-*.tar"
    built = sorted(archive.parent.glob(alike), key=lambda file: file.stat().st_mtime)
    for old in built[:-kept]:
        old.with_suffix(".json").unlink(missing_ok=True)
        old.unlink()


def _layer_sizes(archive: Path) -> list[int]:
    """Bytes of each layer, unpacked, the base's first."""
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        assert manifest is not None
        return [opened.getmember(name).size for name in json.load(manifest)[0]["Layers"]]


def _index_settings(scratch: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Give pip in the build what pip has here, by mounts, of which nothing stays in the image."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], env=dict(environ), capture_output=True, text=True, check=True
    ).stdout
    settings = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    kept = {name: settings[name] for name in ("index-url", "extra-index-url", "trusted-host") if name in settings}
    authority = Path(settings.get("cert", _CA))
    if authority.is_file():
        kept["cert"] = "/run/build-ca.crt"
        yield f"{authority}:/run/build-ca.crt:ro"
    file = scratch / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in kept.items()), encoding="utf-8")
    yield f"{file}:/etc/pip.conf:ro"


def _version() -> str:
    found = _VERSION.search((ROOT / "operator" / "llmkeys" / "__init__.py").read_text(encoding="utf-8"))
    assert found is not None, "the package has no __version__"
    return found[1]

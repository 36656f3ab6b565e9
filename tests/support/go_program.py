"""Go programs that tests run, each built once into the cache."""

import hashlib
import os
from pathlib import Path

from tests.support.cluster_build import Log, locked, run_visibly
from tests.support.cluster_build import toolchain as go_toolchain
from tests.support.cluster_source import cache_folder


def built(module: Path, name: str, *, package: str = ".", log: Log = print) -> Path:
    """Build a Go program into the cache, or find it there.

    Args:
        module: the folder with its go.mod and go.sum.
        name: what the program is called there.
        package: of the module's build list, where it is not the module itself.
        log: gets the progress, a line at a time.

    Raises:
        ClusterUnavailableError: it cannot be built; the text names the build's log.

    """
    made_of = b"\0".join(
        file.read_bytes() for file in sorted(module.glob("*")) if file.suffix in {".go", ".mod", ".sum"}
    )
    cache = cache_folder(os.environ)
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / f"{name}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    with locked(cache / f"{name}.lock", log=log, waiting_for=f"another process that builds {name}"):
        if not binary.is_file():
            _build(module, binary, package, name, log)
    return binary


def _build(module: Path, binary: Path, package: str, name: str, log: Log) -> None:
    go, environ = go_toolchain(binary.parent, environ=os.environ, log=log)
    staged = binary.with_suffix(".staged")
    run_visibly(
        [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", staged, package],
        title=f"go build of {name}",
        folder=module,
        environ={**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        output=binary.parent / f"{name}.log",
        log=log,
    )
    staged.rename(binary)

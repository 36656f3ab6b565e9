"""Which control plane the tests get: the rules only, so that they can be tested without starting anything."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EXISTING_VARIABLE = "LLMKEYS_TEST_KUBECONFIG"
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
CACHE_VARIABLE = "LLMKEYS_CACHE"

MODULE = Path(__file__).with_name("controlplane")

APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
ETCD = "etcd"

_GO_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?(rc|beta)?")
_GO_DIRECTIVE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_KUBERNETES = re.compile(r"^\s*k8s\.io/kubernetes v(\d+\.\d+\.\d+)$", re.MULTILINE)


class ClusterUnavailableError(RuntimeError):
    """There is no control plane to test on; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A cluster that somebody else runs."""

    kubeconfig: Path


@dataclass(frozen=True, kw_only=True)
class Assets:
    """A folder of ready binaries, as envtest uses it."""

    etcd: Path
    apiserver: Path
    controller_manager: Path | None


@dataclass(frozen=True, kw_only=True)
class Built:
    """Our own build in the cache, there already or still to be made."""

    folder: Path
    kubernetes: str


Source = Existing | Assets | Built


def resolve(environ: Mapping[str, str], module: Path = MODULE) -> Source:
    """Decide where the control plane comes from: an existing cluster, else ready binaries, else our own build.

    Args:
        environ: the environment's variables; one that is empty counts as unset.
        module: the folder of the Go module that is built.

    Raises:
        ClusterUnavailableError: a variable names something that is not there. It is never passed over: whoever set it
            expects it to be used.

    """
    if existing := environ.get(EXISTING_VARIABLE):
        kubeconfig = Path(existing).expanduser().absolute()
        if not kubeconfig.is_file():
            text = f"{EXISTING_VARIABLE} names {kubeconfig}, which is not a file"
            raise ClusterUnavailableError(text)
        return Existing(kubeconfig=kubeconfig)
    if assets := environ.get(ASSETS_VARIABLE):
        return _assets(Path(assets).expanduser().absolute())
    folder = cache_folder(environ) / build_name(module)
    return Built(folder=folder, kubernetes=kubernetes_version(module))


def _assets(folder: Path) -> Assets:
    missing = [name for name in (ETCD, APISERVER) if not (folder / name).is_file()]
    if missing:
        text = f"{ASSETS_VARIABLE} names {folder}, which holds no {' and no '.join(missing)}"
        raise ClusterUnavailableError(text)
    controller_manager = folder / CONTROLLER_MANAGER
    return Assets(
        etcd=folder / ETCD,
        apiserver=folder / APISERVER,
        controller_manager=controller_manager if controller_manager.is_file() else None,
    )


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where builds are kept between runs (XDG base directory specification)."""
    if own := environ.get(CACHE_VARIABLE):
        return Path(own).expanduser().absolute()
    xdg = Path(environ.get("XDG_CACHE_HOME", ""))
    # The specification says to ignore a relative path here.
    base = xdg if xdg.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".cache"
    return base / "llmkeys"


def build_name(module: Path = MODULE) -> str:
    """Return the build's folder name, which changes with whatever the build is made of."""
    made_of = b"\0".join((module / name).read_bytes() for name in ("go.mod", "main.go"))
    return f"controlplane-{kubernetes_version(module)}-{hashlib.sha256(made_of).hexdigest()[:12]}"


def kubernetes_version(module: Path = MODULE) -> str:
    """Return the Kubernetes version that the module builds, such as `1.36.3`."""
    found = _KUBERNETES.search((module / "go.mod").read_text(encoding="utf-8"))
    if found is None:
        text = f"{module / 'go.mod'} requires no k8s.io/kubernetes"
        raise ValueError(text)
    return found[1]


def required_go(go_mod: str) -> tuple[int, int, int]:
    """Return the oldest Go version that a go.mod's text allows."""
    found = _GO_DIRECTIVE.search(go_mod)
    if found is None:
        raise ValueError("this go.mod has no go line")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def go_version(printed: str) -> tuple[int, int, int] | None:
    """Read what `go version` prints; a release candidate counts as older than its release, -1 being its patch number.

    Returns None for text that names no version.
    """
    found = _GO_VERSION.search(printed)
    if found is None:
        return None
    return int(found[1]), int(found[2]), -1 if found[4] else int(found[3] or 0)

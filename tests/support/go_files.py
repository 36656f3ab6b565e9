"""Files of other projects that tests judge ours by, such as their CRDs: from their Go modules, never committed."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.cluster_build import Log, locked, staged
from tests.support.cluster_build import toolchain as go_toolchain
from tests.support.cluster_source import ClusterUnavailableError, cache_folder


@dataclass(frozen=True, slots=True)
class ModuleFiles:
    """A folder of a Go module.

    Args:
        module: its path.
        version: as it is tagged.
        sum: of its content, as it would stand in a go.sum (https://go.dev/ref/mod#go-sum-files).
        folder: below its root.

    """

    module: str
    version: str
    sum: str
    folder: str

    @property
    def cached_as(self) -> str:
        """The name of the copy in the cache."""
        made_of = f"{self.sum} {self.folder}".encode()
        return f"{self.module.replace('/', '_')}-{self.version}-{hashlib.sha256(made_of).hexdigest()[:12]}"


PROMETHEUS_OPERATOR: Final = ModuleFiles(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.85.0",
    "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    "example/prometheus-operator-crd",
)
_FLUX_CRDS: Final = "config/crd/bases"
FLUX: Final = (
    ModuleFiles(
        "github.com/fluxcd/source-controller",
        "v1.7.2",
        "h1:PQLzvgHNEYsstl8uATBZg/70b/i0tj63e0IqnYDeJyg=",
        _FLUX_CRDS,
    ),
    ModuleFiles(
        "github.com/fluxcd/kustomize-controller",
        "v1.7.3",
        "h1:SzNnGn/4ObAPEHHleM5U7y/AKxKXph3Vj6ZhteeXw8M=",
        _FLUX_CRDS,
    ),
    ModuleFiles(
        "github.com/fluxcd/helm-controller",
        "v1.4.3",
        "h1:449LcGJXLCylvrNCq8ycevwa5mxE1Mn9vxTwlsj/no8=",
        _FLUX_CRDS,
    ),
)
ARGO_CD: Final = ModuleFiles(
    "github.com/argoproj/argo-cd/v3", "v3.2.0", "h1:m2eGAV+nXQGgzZbH5SyJD5laaPW27mzWXBrgisUHY/0=", "manifests/crds"
)


def module_files(wanted: ModuleFiles, log: Log = print) -> Path:
    """A copy of that folder in the cache, downloaded if it is not there yet.

    Args:
        wanted: which.
        log: gets the progress, a line at a time.

    Raises:
        ClusterUnavailableError: it cannot be downloaded, or is not what it should be.

    """
    cache = cache_folder(os.environ)
    cache.mkdir(parents=True, exist_ok=True)
    copy = cache / wanted.cached_as
    with locked(cache / "go-files.lock", log=log, waiting_for="another process that downloads a Go module"):
        if not copy.is_dir():
            with staged(copy) as staging:
                shutil.copytree(_downloaded(wanted, cache, log) / wanted.folder, staging, dirs_exist_ok=True)
    return copy


def _downloaded(wanted: ModuleFiles, cache: Path, log: Log) -> Path:
    go, environ = go_toolchain(cache, environ=os.environ, log=log)
    name = f"{wanted.module}@{wanted.version}"
    done = subprocess.run(
        [go, "mod", "download", "-json", name],
        cwd=cache,
        env={**environ, "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    if done.returncode != 0:
        text = f"{name} cannot be downloaded: {found.get('Error') or done.stderr.strip()}"
        raise ClusterUnavailableError(text)
    if found["Sum"] != wanted.sum:
        text = f"{name} has the sum {found['Sum']}, which is not {wanted.sum}"
        raise ClusterUnavailableError(text)
    return Path(found["Dir"])

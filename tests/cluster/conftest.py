"""One control plane for all cluster tests, started when the first of them needs it; a clean namespace for each module."""

import secrets
import subprocess
from collections.abc import Callable, Iterator

import pytest

from llmkeys.api.names import GROUP, PROVIDER_PLURAL
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import install

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server; if there can be none, every test that needs it fails with the reason."""
    # The first run builds for minutes: its progress must not be held back until the test has ended.
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        plane = ControlPlane.start(lambda line: print(f"\n{line}", end="", flush=True))
        print(flush=True)
    yield plane
    failed = request.session.testsfailed > 0
    plane.stop(keep_files=failed)
    if failed and plane.logs is not None:
        with capture.global_and_fixture_disabled():
            print(f"\nTests failed: the control plane's logs are kept in {plane.logs}", flush=True)


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with our CRDs, roles and policies on it."""
    install(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Run kubectl as the cluster's admin."""
    return control_plane.kubectl


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[str]:
    """A namespace for this module alone, deleted behind it."""
    name = control_plane.new_namespace(_stem(request))
    yield name
    # Its content takes seconds to go, which nobody after this has to wait for.
    control_plane.delete_namespace(name, wait=False)


@pytest.fixture(scope="module")
def provider_prefix(request: pytest.FixtureRequest, installed: ControlPlane) -> Iterator[str]:
    """What this module's LLMProviders' names begin with; they belong to no namespace, and go when the module ends."""
    prefix = f"{_stem(request)}-{secrets.token_hex(4)}-"
    yield prefix
    resource = f"{PROVIDER_PLURAL}.{GROUP}"
    names = installed.kubectl("get", resource, "-o", "name").stdout.split()
    if ours := [name for name in names if name.partition("/")[2].startswith(prefix)]:
        installed.kubectl("delete", "--ignore-not-found", "--wait=false", *ours)


def _stem(request: pytest.FixtureRequest) -> str:
    return request.path.stem.removeprefix("test_").replace("_", "-")[:40]

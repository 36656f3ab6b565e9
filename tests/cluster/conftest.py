"""One control plane for all cluster tests, started when the first needs it, and a clean namespace for each module."""

import secrets
import subprocess
from collections.abc import Callable, Iterator

import pytest

from llmkeys.api.names import GROUP, PROVIDER_PLURAL
from tests.support.audit_session import audit_last, leave, left_uses
from tests.support.audit_trail import Trail, trail_kept
from tests.support.cluster import ControlPlane
from tests.support.cluster_build import Log
from tests.support.cluster_install import install
from tests.support.stage import Stage, stage
from tests.support.world import World

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    audit_last(items)


@pytest.fixture(scope="session", autouse=True)
def audit_trail(request: pytest.FixtureRequest) -> Iterator[Trail]:
    """What our accounts asked of all API servers that these tests started, or others before them."""
    with trail_kept(left_uses()) as trail:
        yield trail
    # After every control plane has ended: this fixture is made first.
    leave(request.session, trail)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server; if there can be none, every test that needs it fails with the reason."""
    log = _visible_log(request.config)
    plane = ControlPlane.start(log)
    yield plane
    failed = request.session.testsfailed > 0
    plane.stop(keep_files=failed)
    if failed and plane.logs is not None:
        log(f"Tests failed: the control plane's logs are kept in {plane.logs}")


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


@pytest.fixture(scope="session")
def shared_stage(installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Simulated providers for all modules, and whatever their operators log."""
    with stage(installed, tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture(scope="module")
def world(shared_stage: Stage, namespace: str, provider_prefix: str) -> Iterator[World]:
    """This module's namespace, with the product at work in it; fails if a key can be read where none belongs."""
    with shared_stage.at_work():
        yield World(shared_stage, namespace, provider_prefix)
        leaks = shared_stage.leaks()
    assert not leaks, f"keys can be read in: {leaks}"


def _visible_log(config: pytest.Config) -> Log:
    """Return a log that is seen at once: the first run builds for minutes, and pytest shows output after the test."""
    capture = config.pluginmanager.getplugin("capturemanager")
    terminal = config.pluginmanager.getplugin("terminalreporter")

    def log(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(line)
            terminal.flush()

    return log


def _stem(request: pytest.FixtureRequest) -> str:
    return request.path.stem.removeprefix("test_").replace("_", "-")[:40]

"""One cluster of one real node for all tests in here, with the product installed by its chart."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support.cluster_build import Log
from tests.support.image_build import Image, ensure_chat_image, ensure_image
from tests.support.node_cgroups import cgroups
from tests.support.node_cluster import AS_USUAL, SOON, NodeCluster, node_cluster
from tests.support.node_installed import Installed, install_chart
from tests.support.node_machine import reason_against
from tests.support.node_provider import NodeProvider, start_provider
from tests.support.node_scene import NodeScene
from tests.support.node_workload import Tenant

REQUIRED_VARIABLE = "LLMKEYS_TEST_NODE"
"""Set where these tests must run: a machine that cannot be a node is then a failure."""


@pytest.fixture(scope="session")
def log(request: pytest.FixtureRequest) -> Log:
    """A log that is seen at once: the first run builds for minutes, and pytest shows output after the test."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    terminal = request.config.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(line)
            terminal.flush()

    return write


@pytest.fixture(scope="session")
def image(log: Log) -> Image:
    """The image of this very source."""
    return _built(ensure_image, log)


@pytest.fixture(scope="session")
def chat_image(log: Log) -> Image:
    """The image of the example of a workload in Python."""
    return _built(ensure_chat_image, log)


def _built(build: Callable[[Log], Image], log: Log) -> Image:
    """Where a machine cannot be a node it cannot build an image either."""
    if reason := reason_against():
        if os.environ.get(REQUIRED_VARIABLE):
            pytest.fail(reason)
        pytest.skip(reason)
    return build(log)


@pytest.fixture(scope="session")
def cluster(
    image: Image, chat_image: Image, request: pytest.FixtureRequest, log: Log, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeCluster]:
    # What is measured is what users have; tests would only wait.
    measuring = any(one.path.name.startswith("measure_") for one in request.session.items)
    images, sync = [image.archive, chat_image.archive], AS_USUAL if measuring else SOON
    with node_cluster(images, log, sync=sync, keep_logs=tmp_path_factory.mktemp("node-logs")) as started:
        yield started
        started.check()
    assert not cgroups(started.layout.cgroup)
    assert not started.layout.folder.exists()


@pytest.fixture(scope="session")
def installed(cluster: NodeCluster, log: Log, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = install_chart(cluster, tmp_path_factory.mktemp("helm"), log)
    log(f"helm install to everything ready: {made.seconds:.1f} s (to be 30 at most)")
    return made


@pytest.fixture(scope="session")
def provider(installed: Installed) -> NodeProvider:
    return start_provider(installed.cluster)


@pytest.fixture
def tenant(installed: Installed, image: Image) -> Iterator[Tenant]:
    made = Tenant(installed.plane, image.reference)
    yield made
    installed.plane.delete_namespace(made.namespace)


@pytest.fixture
def scene(installed: Installed, tenant: Tenant, provider: NodeProvider) -> NodeScene:
    return NodeScene(installed.plane, tenant, provider)

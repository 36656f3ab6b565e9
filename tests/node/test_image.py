import tarfile
from collections.abc import Iterator

import pytest

from tests.support.cluster_build import Log
from tests.support.image_build import Image

LIMIT = 130_000_000
SITE = "app/lib/python3"


@pytest.fixture(scope="module")
def files(image: Image) -> set[str]:
    """The paths of all files in all layers."""
    return set(_files(image))


def _files(image: Image) -> Iterator[str]:
    with tarfile.open(image.archive) as archive:
        for layer in [member for member in archive if member.name.endswith(".tar")]:
            with tarfile.open(fileobj=archive.extractfile(layer)) as opened:
                yield from (one.name.removeprefix("./") for one in opened if one.isfile())


def test_it_adds_little_to_its_base(image: Image, log: Log) -> None:
    log(f"image: {image.bytes_above_base / 1e6:.0f} MB above its base (to be {LIMIT / 1e6:.0f} at most)")

    assert image.bytes_above_base <= LIMIT


def test_it_runs_python_alone_as_a_numbered_user_who_is_not_root(image: Image) -> None:
    assert image.config["Entrypoint"] == ["/app/bin/python", "-P", "-m", "llmkeys"]
    user, group = image.config["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_its_labels_say_what_it_is(image: Image) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in image.config["Labels"].items()}

    assert labels["title"] == "llmkeys"
    assert labels["licenses"] == "Apache-2.0"
    assert image.reference == f"llmkeys:{labels['version']}"
    assert {"description", "revision"} <= labels.keys()


def test_nothing_that_could_install_more_is_in_it(files: set[str]) -> None:
    ours = {name for name in files if name.startswith(SITE)}

    assert ours
    assert not [name for name in ours if "/site-packages/pip/" in name or "/site-packages/hatchling/" in name]


def test_all_code_is_compiled_because_it_cannot_be_later(files: set[str]) -> None:
    sources = [name for name in files if "/site-packages/llmkeys/" in name and name.endswith(".py")]
    compiled = {name for name in files if name.endswith(".pyc")}

    assert sources
    for name in sources:
        folder, _, file = name.rpartition("/")
        assert any(one.startswith(f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-") for one in compiled), (
            name
        )


def test_nothing_of_the_builder_is_left(files: set[str]) -> None:
    assert not files & {"etc/pip.conf", "run/build-ca.crt"}
    assert not [name for name in files if name.startswith(("build/", "tools/", "root/.cache"))]

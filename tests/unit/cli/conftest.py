from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from llmkeys.catalogue.loader import load
from tests.support.simulator.simulator import Simulator


@pytest.fixture(scope="package")
def shared_simulator() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def ca(shared_simulator: Simulator, tmp_path: Path) -> Path:
    """The simulator's certificate authority as a file."""
    file = tmp_path / "ca.pem"
    file.write_text(shared_simulator.ca_pem)
    return file


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command reads the whole catalogue; hundreds of them in one process need not."""
    for module in ("check", "explain", "providers", "manifest_type"):
        monkeypatch.setattr(f"llmkeys.cli.{module}.load", _load)


_load = cache(load)

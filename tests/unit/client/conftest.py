from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from llmkeys.client.settings import Settings
from tests.unit.client.unsealing import ENVELOPE, TOKEN, Passing, Pod, ProjectedVolume, Service, memory_volume, serving


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def service(authority: trustme.CA) -> Iterator[Service]:
    with serving(authority) as service:
        yield service


@pytest.fixture
def pod(tmp_path: Path, authority: trustme.CA, service: Service) -> Pod:
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "envelope").write_text(ENVELOPE + "\n")
    (folder / "ca.crt").write_bytes(authority.cert_pem.bytes())
    settings = Settings(
        credential="openai",
        unsealer=f"https://127.0.0.1:{service.port}",
        authorities=authority.cert_pem.bytes().decode(),
        envelope=folder / "envelope",
        token=folder / "token",
    )
    return Pod(settings, service, folder, folder / "ca.crt")


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def volume(tmp_path: Path, authority: trustme.CA, service: Service) -> ProjectedVolume:
    return ProjectedVolume(tmp_path / "sealed", authority, service)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    with memory_volume(tmp_path / "tiny", "size=64k") as volume:
        yield volume

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.client.errors import EnvelopeMissingError, SettingsInvalidError
from llmkeys.client.sealed import Sealed, is_credential_name
from llmkeys.client.settings import Settings
from tests.unit.client.unsealing import ProjectedVolume


@given(st.text(max_size=300))
def test_a_credentials_name_is_one_step_of_a_path_and_hides_nothing(name: str) -> None:
    if is_credential_name(name):
        assert Path("folder", name).parent == Path("folder")
        assert name == name.lower()
        assert not name.startswith(".")


@pytest.mark.parametrize("name", ["openai", "open-ai.v2", "0", "a" * 253])
def test_what_an_object_can_be_called_is_a_credentials_name(name: str) -> None:
    assert is_credential_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "..data", "a/b", "A", "a_b", "-a", "a.", "a" * 254, "openai\n"])
def test_anything_else_is_none(name: str) -> None:
    assert not is_credential_name(name)


def test_an_envelope_that_is_empty_is_missing(volume: ProjectedVolume) -> None:
    volume.mount(openai=" \n")
    missing = volume.sealed().missing(("openai",))
    assert isinstance(missing, EnvelopeMissingError)
    assert str(missing).startswith("openai: ")


def test_whatever_else_is_there_is_not_missing(volume: ProjectedVolume) -> None:
    volume.mount(openai="no envelope at all")
    assert volume.sealed().missing(("openai",)) is None


def test_a_folder_that_may_not_be_read_is_said_to_be(tmp_path: Path) -> None:
    sealed = Sealed(tmp_path, Settings())
    (tmp_path / "envelopes").symlink_to("envelopes")
    with pytest.raises(SettingsInvalidError, match="envelopes cannot be read"):
        sealed.names()

"""Where one of several credentials is written: an env file for the kubelet, and a folder with a file of each value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llmkeys.client.files import OneFile
from llmkeys.client.folder import FolderOfFiles
from llmkeys.client.variables import carried_by_env_file


def env_file_of(folder: Path, credential: str) -> Path:
    """The path that a pod's `fileKeyRef` names."""
    return folder / f"{credential}.env"


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """`NAME.env` and `NAME/` in a folder.

    Args:
        folder: that several credentials share.
        credential: its name.
        mode: permissions of the files, such as 0o444.
        required: containers must not start without it.
        report: told which variable is not in the env file.

    """

    folder: Path
    credential: str
    mode: int
    required: bool
    report: Callable[[str], None]

    def write(self, content: Mapping[str, bytes]) -> None:
        """Replace both, the env file last: it is what containers wait for.

        Raises:
            NotExpressibleError: a name is no file's.
            OutputFullError: the volume is full.
            OutputFailedError: it cannot be written there.

        """
        self._files.write(content)
        self._env_file.write(content)
        for problem in carried_by_env_file(content).problems:
            self.report(problem)

    def remove(self) -> None:
        """Leave no value. The env file of an optional one stays, empty.

        The kubelet (makeEnvironmentVariables, Kubernetes 1.36) starts no container whose `fileKeyRef` names a file that
        is not there, be it optional or not; an optional variable may only be missing in the file.
        """
        self._files.remove()
        if self.required:
            self._env_file.remove()
        else:
            self._env_file.write({})

    def exists(self) -> bool:
        """Whether there are values."""
        return self._files.exists() and self._env_file.exists()

    @property
    def _files(self) -> FolderOfFiles:
        return FolderOfFiles(self.folder / self.credential, self.mode)

    @property
    def _env_file(self) -> OneFile:
        return OneFile(env_file_of(self.folder, self.credential), self.mode, _env_text)


def _env_text(content: Mapping[str, bytes]) -> bytes:
    return carried_by_env_file(content).text

"""What a pod asks for by its annotations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.names import FOLLOW_ANNOTATION
from llmkeys.inject.errors import ManifestRefusedError

CREDENTIALS: Final = "llmkeys.dev/credentials"
MOUNT: Final = "llmkeys.dev/mount"
ANNOTATIONS: Final = (CREDENTIALS, MOUNT, FOLLOW_ANNOTATION)

_FOLDER: Final = re.compile(r"(/[A-Za-z0-9._-]+)+")


@dataclass(frozen=True, slots=True)
class Request:
    """What a pod says; None where it says nothing.

    Args:
        credentials: the names, the strongest first.
        mount: the folder where containers find files.
        follow: whether a sidecar keeps them up to date.
        line: of the names, counted from 1.

    """

    credentials: tuple[str, ...] | None = None
    mount: str | None = None
    follow: bool | None = None
    line: int = 0


def request_of(annotations: Mapping[str, tuple[str, int]]) -> Request:
    """What annotations ask for.

    Args:
        annotations: text and line (from 1) by name.

    Raises:
        ManifestRefusedError: one says what cannot be meant.

    """
    credentials, mount, follow = (annotations.get(name) for name in ANNOTATIONS)
    if mount is not None and (not _FOLDER.fullmatch(mount[0]) or {".", ".."} & set(mount[0].split("/"))):
        raise ManifestRefusedError(mount[1], f"{MOUNT} is a folder, such as /etc/llm.")
    if follow is not None and follow[0] not in {"true", "false"}:
        raise ManifestRefusedError(follow[1], f'{FOLLOW_ANNOTATION} is "true" or "false".')
    names = None if credentials is None else names_in(credentials[0])
    if names == ():
        raise ManifestRefusedError(
            credentials[1] if credentials else 0,
            f"{CREDENTIALS} names nothing; without it, all of the namespace count.",
        )
    return Request(
        credentials=names,
        mount=None if mount is None else mount[0],
        follow=None if follow is None else follow[0] == "true",
        line=credentials[1] if credentials else 0,
    )


def names_in(text: str) -> tuple[str, ...]:
    """The names in a list with commas, each once."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))

"""What was said on the command line of `llmkeys inject`, and what it makes of a pod's own wishes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmkeys import __version__
from llmkeys.inject.additions import FOLDER, Wishes
from llmkeys.inject.request import Request

_IMAGE: Final = f"llmkeys:{__version__}"
_PULL_POLICY: Final = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, typed."""

    sources: tuple[str, ...]
    namespace: str
    statuses: tuple[Path, ...]
    credentials: tuple[str, ...]
    variables: bool
    follow: bool
    image: str | None
    pull_policy: str | None
    in_place: bool
    check: bool
    diff: bool

    @property
    def given(self) -> frozenset[str]:
        """The parts of our init container that are to change although they stand there."""
        named = {"image": self.image, "imagePullPolicy": self.pull_policy}
        return frozenset(name for name, value in named.items() if value)

    def names(self, request: Request) -> tuple[str, ...] | None:
        """The credentials of a pod; what it says itself counts."""
        return request.credentials or self.credentials or None

    def wishes(self, request: Request) -> Wishes:
        """How a pod is to be given its credentials; what it says itself counts."""
        return Wishes(
            folder=request.mount or (None if self.variables else FOLDER),
            variables=self.variables,
            follow=self.follow if request.follow is None else request.follow,
            image=self.image or _IMAGE,
            pull_policy=self.pull_policy or _PULL_POLICY,
        )

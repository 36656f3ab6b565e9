"""Says so when a process of the image has more rights than it needs: started by hand, it works, but less guarded."""

import os
from collections.abc import Mapping
from typing import Final

import structlog

IN_IMAGE: Final = "LLMKEYS_IMAGE"
"""Set by the Dockerfile. Elsewhere a root file system is writable for good reasons."""

log = structlog.get_logger(__name__)


def excess_rights(*, user: int, root_read_only: bool) -> tuple[str, ...]:
    """Name what a process could do without, and how to take it away.

    Args:
        user: its effective user id.
        root_read_only: nothing can be written to the file system that `/` is on.

    """
    found = []
    if user == 0:
        found.append("it runs as root: set securityContext.runAsNonRoot, or keep the image's own user")
    if not root_read_only:
        found.append("its root file system can be written to: set securityContext.readOnlyRootFilesystem")
    return tuple(found)


def warn_of_excess_rights(environ: Mapping[str, str] = os.environ) -> None:
    """Write a warning to the log for each of this process's `excess_rights`, if it runs from the image."""
    if environ.get(IN_IMAGE) != "1":
        return
    read_only = bool(os.statvfs("/").f_flag & os.ST_RDONLY)
    for one in excess_rights(user=os.geteuid(), root_read_only=read_only):
        log.warning("more rights than needed", what=one)

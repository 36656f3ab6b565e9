"""A leader that lost its Lease begins anew, in the same process, as one that waits.

Nothing that it knew is to be relied on any more, so the program is loaded again, which keeps nothing. To end would do
the same, but a kubelet waits up to five minutes before it starts again what has ended a few times: an API server that
goes and comes would leave nobody to lead.
"""

import os
import sys
from typing import NoReturn

import click

from llmkeys.kube.lease import LeaseLostError


def begin_anew(lost: LeaseLostError) -> NoReturn:
    """Replace this process by one with the same command line (execve(2)); its files and connections are closed by that.

    Args:
        lost: what is said where that cannot be done; then it is for others to start it again.

    Raises:
        click.ClickException: it cannot.

    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  the same program again
    except (OSError, ValueError):  # a Python that does not know where it is has an empty name for that
        raise click.ClickException(str(lost)) from None

"""Run a program that the kernel kills when its parent dies: `cluster_tether.py PARENT_PID PROGRAM ARGUMENT...`.

A program of its own and not `preexec_fn`, which is unsafe (from Python 3.12, warned about) in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A parent that died before the call above sends no signal any more.
    if os.getppid() != parent:
        sys.exit(f"{program[0]} was not started: its parent is gone")
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()

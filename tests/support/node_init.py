"""The first process of a node's namespaces: `node_init.py SCRATCH`. When it ends, the kernel ends all others in there.

It hides the folders in which the node's programs leave traces, says `ready`, and from then on collects the ended.
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

_MS_BIND = 4096
_HIDDEN = ("/run", "/var/lib", "/var/log")


def main() -> None:
    scratch = Path(sys.argv[1])
    for target in _HIDDEN:
        source = scratch / target.strip("/").replace("/", "-")
        source.mkdir()
        _bind(source, target)
    # Kubelets look at the mounts of volumes from outside the pods, so that these must be seen there.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    print("ready", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        signal.sigwait({signal.SIGCHLD})
        _collect()


def _bind(source: Path, target: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None) != 0:
        raise OSError(ctypes.get_errno(), f"{source} cannot be mounted on {target}")


def _collect() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()

"""Install what a Debian machine lacks to be a node: `python -m tests.support.node_packages`."""

import os
import subprocess
import sys

from tests.support.node_machine import missing_packages


def main() -> int:
    missing = sorted(missing_packages(os.environ))
    if not missing:
        print("Nothing is missing.")
        return 0
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-yq", "--no-install-recommends", *missing]):
        done = subprocess.run(command, env=environ, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())

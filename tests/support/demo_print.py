"""How the demo speaks: step headers with the seconds since it began, lines that appear at once."""

import time
from pathlib import Path
from typing import Final

from tests.support.cluster_install import ROOT

_BEGAN: Final = time.monotonic()


def elapsed() -> float:
    return time.monotonic() - _BEGAN


def step(title: str) -> None:
    print(f"\n== {elapsed():5.1f} s  {title}", flush=True)


def say(text: str = "") -> None:
    print(text, flush=True)


def shell(command: str) -> None:
    """Show a command as it could be typed."""
    say(f"  $ {command}")


def shown(path: Path) -> str:
    """A path as a person in the project's folder would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

"""The process's own streams, which may be closed, full, or of a locale that knows few letters."""

import io
import os
import sys
from pathlib import Path


def make_usable() -> None:
    """Take closed streams for empty ones, and write letters that an encoding does not have as escapes."""
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  as long as the process lives
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  the same
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_output_up() -> None:
    """Send what is still buffered nowhere, else Python would try to write it again at its end."""
    output = sys.__stdout__
    if output is not None and output is sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())

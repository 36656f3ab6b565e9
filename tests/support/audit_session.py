"""pytest's part in the audit of roles: it comes last, and knows whether everything ran before it."""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.cluster_source import EXISTING_VARIABLE

LAST: Final = "test_audit.py"
# Whatever leaves tests out, or ends a run early.
_PARTIAL: Final = ("keyword", "markexpr", "deselect", "lf", "last_failed", "stepwise", "ignore", "ignore_glob")


def audit_last(items: list[pytest.Item]) -> None:
    """Put the audit behind all other tests, whose order stays."""
    items.sort(key=lambda one: one.path.name == LAST)


def why_not_whole(session: pytest.Session) -> str:
    """Why the tests before the audit were not the whole suite; empty if they were.

    It was whole if every test file of the audit's folder was collected, none of them in part, in this very process,
    and each test passed: one that fails may have asked for less than it would have.
    """
    if os.environ.get(EXISTING_VARIABLE):
        return f"{EXISTING_VARIABLE} names a cluster that writes no audit log for us"
    if "PYTEST_XDIST_WORKER" in os.environ:
        return "its files are spread over several processes"
    options = [name for name in _PARTIAL if session.config.getoption(name, default=None)]
    if options:
        return f"tests were left out by {', '.join(options)}"
    if any("::" in argument for argument in session.config.args):
        return "single tests were named"
    folder = next(one.path for one in session.items if one.path.name == LAST).parent
    missing = set(folder.glob("test_*.py")) - {one.path for one in session.items}
    if missing:
        return f"{_listed(missing)} did not run"
    return f"{session.testsfailed} tests failed" if session.testsfailed else ""


def _listed(files: set[Path]) -> str:
    first = sorted(file.name for file in files)[:3]
    return ", ".join(first) + (f" and {len(files) - len(first)} more" if len(files) > len(first) else "")

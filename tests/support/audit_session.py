"""pytest's part in the audit of roles: it comes last, and knows whether everything ran before it.

Where the suite is spread over processes, each leaves what it saw in a folder, which a session after them reads:
LLMKEYS_TEST_AUDIT names it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.support.audit_trail import Trail, Use
from tests.support.cluster_source import EXISTING_VARIABLE

LAST: Final = "test_audit.py"
FOLDER_VARIABLE: Final = "LLMKEYS_TEST_AUDIT"
_WORKER: Final = "PYTEST_XDIST_WORKER"
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
    if _WORKER in os.environ:
        return "its files are spread over several processes"
    if left := list(_left()):
        return "; ".join(sorted({one.partial for one in left} - {""}))
    return _why_partial(session)


def _why_partial(session: pytest.Session) -> str:
    options = [name for name in _PARTIAL if session.config.getoption(name, default=None)]
    if options:
        return f"tests were left out by {', '.join(options)}"
    if any("::" in argument for argument in session.config.args):
        return "single tests were named"
    collected = {one.path for one in session.items}
    folder = next(path for path in collected if path.name == LAST).parent
    missing = set(folder.glob("test_*.py")) - collected
    if missing:
        return f"{_listed(missing)} did not run"
    return f"{session.testsfailed} tests failed" if session.testsfailed else ""


def _listed(files: set[Path]) -> str:
    first = sorted(file.name for file in files)[:3]
    return ", ".join(first) + (f" and {len(files) - len(first)} more" if len(files) > len(first) else "")


class _Left(msgspec.Struct):
    """What a process saw: the uses, and why it did not run all that it was given."""

    uses: list[Use]
    partial: str


def leave(session: pytest.Session, trail: Trail) -> None:
    """Leave what one of several processes saw to the session that comes after them."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and _WORKER in os.environ:
        Path(folder).mkdir(parents=True, exist_ok=True)
        content = msgspec.json.encode(_Left(sorted(trail.uses()), _why_partial(session)))
        (Path(folder) / f"{os.environ[_WORKER]}.json").write_bytes(content)


def left_uses() -> frozenset[Use]:
    """What the processes before this session saw; nothing where there were none."""
    return frozenset(use for one in _left() for use in one.uses)


def _left() -> Iterator[_Left]:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and _WORKER not in os.environ:
        yield from (msgspec.json.decode(file.read_bytes(), type=_Left) for file in sorted(Path(folder).glob("*.json")))

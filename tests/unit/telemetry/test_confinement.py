import os

import pytest
from structlog.testing import capture_logs

from llmkeys.telemetry.confinement import IN_IMAGE, excess_rights, warn_of_excess_rights


@pytest.mark.parametrize(
    ("user", "read_only", "named"),
    [
        (65532, True, []),
        (0, True, ["root:"]),
        (65532, False, ["root file system"]),
        (0, False, ["root:", "root file system"]),
    ],
)
def test_each_excess_right_is_named(user: int, read_only: bool, named: list[str]) -> None:
    found = excess_rights(user=user, root_read_only=read_only)

    assert len(found) == len(named)
    assert all(word in text for word, text in zip(named, found, strict=True))


def test_outside_the_image_nothing_is_said() -> None:
    with capture_logs() as lines:
        warn_of_excess_rights({})

    assert lines == []


def test_in_the_image_each_one_is_a_warning() -> None:
    expected = excess_rights(user=os.geteuid(), root_read_only=bool(os.statvfs("/").f_flag & os.ST_RDONLY))

    with capture_logs() as lines:
        warn_of_excess_rights({IN_IMAGE: "1"})

    assert [line["what"] for line in lines] == list(expected)
    assert all(line["log_level"] == "warning" for line in lines)

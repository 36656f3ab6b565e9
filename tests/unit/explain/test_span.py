import pytest

from llmkeys.explain.span import span, spans


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.26, "1.3 s"),
        (90, "90 s"),
        (120, "2 min"),
        (600, "10 min"),
        (7200, "2 h"),
        (21600, "6 h"),
        (200_000, "2.3 d"),
    ],
)
def test_a_span_is_told_in_the_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_two_spans_that_read_the_same_are_one() -> None:
    assert spans(5, 5.001) == "5 s"
    assert spans(24, 36) == "24 s to 36 s"

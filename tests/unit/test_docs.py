import pytest

from docs.generate import FOLDER, PAGES
from llmkeys.api.reasons import Reason


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "make docs"


def test_the_page_of_conditions_knows_every_reason() -> None:
    page = PAGES["conditions.md"]()
    unsaid = {Reason.NOT_APPLICABLE, Reason.RESOLVED}

    assert {reason for reason in Reason if f"| {reason}" not in page and f"`{reason}`" not in page} == unsaid

import pytest

from llmkeys.api.models import ModelsSpec, ModelType
from llmkeys.catalogue.loader import load
from llmkeys.explain.opened import NOTHING_OPENED, Opened, opened_by
from llmkeys.probe.balance import Figure
from llmkeys.probe.models import Listing, Model
from llmkeys.probe.models_offer import Asked

OPENAI = load().find("openai")
NOBODY = Asked(ModelsSpec())


def listing(*names: str, complete: bool = True) -> Listing:
    return Listing(tuple(Model(name, ModelType.LLM) for name in names), complete=complete)


def test_without_a_list_nothing_is_claimed() -> None:
    assert opened_by(None, Asked(ModelsSpec(), ("gpt-5",)), OPENAI) == NOTHING_OPENED


def test_what_nobody_asked_for_is_never_missing() -> None:
    opened = opened_by(listing("my-own"), NOBODY, OPENAI)
    assert (opened.models, opened.defaults, opened.missing) == (1, (), ())


def test_what_a_list_does_not_show_is_missing_only_if_the_list_shows_all() -> None:
    asked = Asked(ModelsSpec(), ("gpt-5",))
    assert opened_by(listing("my-own"), asked, OPENAI).missing == ("gpt-5",)
    cut = opened_by(listing("my-own", complete=False), asked, OPENAI)
    assert (cut.missing, cut.more) == ((), True)


def test_models_that_were_looked_up_one_by_one_are_no_list() -> None:
    alone = Listing((), complete=False, counted=False, absent=frozenset({"gpt-5"}))
    opened = opened_by(alone, Asked(ModelsSpec(), ("gpt-5",)), OPENAI)
    assert (opened.models, opened.more, opened.missing) == (None, False, ("gpt-5",))


@pytest.mark.parametrize(
    ("balance", "empty"),
    [
        (None, False),
        ((), False),
        ((Figure("used", 0.0),), False),
        ((Figure("left", 0.0, "CNY"), Figure("left", 1.0, "USD")), False),
        ((Figure("left", -1.0, "CNY"), Figure("left", 0.0, "USD")), True),
    ],
)
def test_an_account_is_empty_if_nothing_of_anything_is_left(balance: tuple[Figure, ...] | None, empty: bool) -> None:
    assert Opened(balance=balance).nothing_left is empty

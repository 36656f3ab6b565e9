"""Write what follows from the code and the catalogue: pages, and the compiled catalogue: `make docs`."""

from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from docs.providers import providers
from llmkeys.api.messages import sentence
from llmkeys.api.reasons import MATRIX, Belief, Delivery, NextKey, Reason, Row, Truth, row_of
from llmkeys.catalogue.compiled import NAME as COMPILED
from llmkeys.catalogue.compiled import compiled

FOLDER: Final = Path(__file__).parent

_BELIEF: Final = {Belief.VALID: "good", Belief.INVALID: "dead", Belief.UNKNOWN: "unknown", None: "as before"}
_TRUTH: Final = {
    Truth.TRUE: "True",
    Truth.FALSE: "False",
    Truth.UNKNOWN: "Unknown",
    Truth.AS_BEFORE: "as before",
    Truth.IF_DELIVERED: "True if this key was delivered before",
}
_DELIVERY: Final = {
    Delivery.DELIVER: "gets the key",
    Delivery.STAYS: "stays",
    Delivery.LAST_GOOD: "stays, or is emptied if `onInvalid: Withdraw`",
    Delivery.NONE: "is emptied",
}
_NEXT: Final = {NextKey.NO: "no", NextKey.YES: "yes", NextKey.IF_PROVEN: "if that one is proven"}
_LIMITS: Final = (Reason.THROTTLED, Reason.OVERLOADED)
_OF_THE_SECRET: Final = (
    Reason.SYNCED,
    Reason.AWAITING_KEY,
    Reason.WITHDRAWN,
    Reason.TARGET_CONFLICT,
    Reason.CONTESTED,
)
_OF_THE_LIST: Final = (
    Reason.PUBLISHED,
    Reason.PUBLISHED_IN_PART,
    Reason.AWAITING_MODELS,
    Reason.CONFIG_MAP_CONFLICT,
    Reason.PUBLISH_REFUSED,
)

_HEAD: Final = """\
# All reasons

The `reason` of the conditions of an LLMCredential. Reasons are part of the interface: they may gain meaning, and keep
their names. This page is written by `make docs` from the tables that the controller decides by.

- **key**: what is believed of the key from then on.
- **True**: the conditions that are True besides Ready. Stalled holds only while Ready is False.
- **Secret**: what becomes of the generated Secret.
- **next**: whether the next entry of `spec.keys` is tried.

"""


def conditions() -> str:
    """The page of all reasons."""
    return _HEAD + "".join(f"{line}\n" for line in (*_matrix(), "", *_of_the_secret(), "", *_of_the_list()))


def _matrix() -> Iterator[str]:
    yield "| reason | key | True | Ready | Secret | next | the message |"
    yield "|---|---|---|---|---|---|---|"
    for reason in Reason:
        if reason in _LIMITS:
            yield _line(reason, row_of(reason, proven=True), " (key was proven before)")
            yield _line(reason, row_of(reason, proven=False), " (key was never proven)")
        elif reason in MATRIX:
            yield _line(reason, MATRIX[reason], "")


def _line(reason: Reason, row: Row, remark: str) -> str:
    true = {
        "Active": row.active is Truth.TRUE,
        "InvalidKey": row.invalid,
        "RateLimited": row.limited,
        "Stalled": row.terminal,
    }
    cells = (
        f"{reason}{remark}",
        _BELIEF[row.belief],
        ", ".join(name for name, holds in true.items() if holds) or "none",
        _TRUTH[row.ready],
        _DELIVERY[row.delivery],
        _NEXT[row.next_key],
        sentence(reason),
    )
    return f"| {' | '.join(cells)} |"


def _of_the_secret() -> Iterator[str]:
    yield "## Reasons of SecretSynced"
    yield ""
    yield from _sentences(_OF_THE_SECRET)
    yield ""
    yield f"`{Reason.KEPT_LAST_GOOD}` is the reason of Active while a replaced key is delivered on: "
    yield sentence(Reason.KEPT_LAST_GOOD)


def _of_the_list() -> Iterator[str]:
    yield "## Reasons of ModelsPublished"
    yield ""
    yield "Of an LLMProvider with `spec.models.publish`; it has no effect on Ready."
    yield ""
    yield from _sentences(_OF_THE_LIST)


def _sentences(reasons: Iterable[Reason]) -> Iterator[str]:
    yield "| reason | the message |"
    yield "|---|---|"
    for reason in reasons:
        yield f"| {reason} | {sentence(reason)} |"


PAGES: Final[dict[str, Callable[[], str]]] = {"conditions.md": conditions, "providers.md": providers}
"""The text of every page that is generated, by its file."""


def compile_catalogue() -> None:
    """Write the catalogue in the form that is read quickly."""
    folder = Path(str(files("llmkeys.catalogue")))
    (folder / COMPILED).write_text(compiled(folder), encoding="utf-8")


if __name__ == "__main__":
    compile_catalogue()
    for name, text in PAGES.items():
        (FOLDER / name).write_text(text(), encoding="utf-8")

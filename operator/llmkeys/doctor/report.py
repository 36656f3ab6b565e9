"""All that a doctor found, and how it is told to a person."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from llmkeys.doctor.cluster_seen import ClusterSeen, Trial
from llmkeys.doctor.credential import Delivery, opened_by
from llmkeys.doctor.finding import Finding, Hidden, State, unseen
from llmkeys.doctor.way import Offer

HEADS: Final = ("STATE", "WHAT IS KNOWN")
CREDENTIAL_HEADS: Final = ("CREDENTIAL", "STATE", "HOLDS", "OPENED BY", "WHAT IS KNOWN")
_TRY: Final = "try"


class Report(msgspec.Struct, frozen=True):
    """All of it.

    Args:
        ways: in which pods get their credentials here, the best one first.
        cluster: what serves all namespaces.
        namespace: what concerns all of its credentials.
        credentials: of the namespace.
        pod: the one that was asked for.

    """

    ways: tuple[Offer, ...]
    cluster: tuple[Finding, ...]
    namespace: tuple[Finding, ...] = ()
    credentials: tuple[Delivery, ...] = ()
    pod: tuple[Finding, ...] = ()

    @property
    def all_well(self) -> bool:
        """Whether nothing is wrong, as far as it could be seen."""
        findings = (*self.cluster, *self.namespace, *self.pod)
        return State.WRONG not in {*(one.state for one in findings), *(one.state for one in self.credentials)}


def trial_finding(seen: ClusterSeen, credentials: Sequence[Delivery]) -> Iterator[Finding]:
    """What a labelled pod that names no credential gets in the namespace.

    Args:
        seen: with the trial.
        credentials: of the namespace; none if there are none, or they may not be seen.

    """
    about, trial = "labelled pod", seen.trial
    expected = any(one.delivered and (one.variables or one.files) for one in credentials)
    fault = State.WRONG if expected else State.NOTE
    match trial:
        case None:
            return
        case Hidden() as hidden:
            yield unseen(about, hidden)
        case Trial(accepted=False):
            yield Finding(about, fault, f"One that names no credential is refused here: {trial.words}")
        case Trial() if trial.is_given:
            names = ", ".join(trial.variables) or "no variable"
            yield Finding(about, State.OK, f"One that names no credential is accepted here, and gets {names}.")
        case _ if seen.serves_policies:
            yield Finding(about, fault, "One is accepted here, and gets nothing.", "llmkeys doctor")


def cells_of(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Rows of what each is about, its state, and what is known; a command stands below."""
    return [row for one in findings for row in _rows((one.about, one.state.value), one.message, one.help)]


def credential_cells_of(credentials: Sequence[Delivery]) -> list[tuple[str, ...]]:
    """Rows in the order of `CREDENTIAL_HEADS`."""
    return [
        row
        for one in credentials
        for row in _rows((one.name, one.state.value, _holds(one), opened_by(one)), one.message, one.help)
    ]


def way_facts(ways: Sequence[Offer]) -> Iterator[tuple[str, str]]:
    """The best way with what to do, and the names of the others."""
    best, *others = ways
    yield "best way", f"{best.way.value}: {best.message}"
    yield "", best.help
    yield "also", ", ".join(one.way.value for one in others)


def _rows(cells: tuple[str, ...], message: str, command: str) -> Iterator[tuple[str, ...]]:
    yield (*cells, message)
    if command:
        yield ("", _TRY, *("" for _ in cells[2:]), command)


def _holds(one: Delivery) -> str:
    return ", ".join((*one.variables, *one.files)) or "-"

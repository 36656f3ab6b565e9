"""`llmkeys bootstrap forget`: take a template that was consumed out of the cluster."""

from dataclasses import dataclass

import click

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import BOOTSTRAP_SECRET
from llmkeys.bootstrap.comparison import input_mac
from llmkeys.bootstrap.story import RunStory
from llmkeys.cli.bootstrap_input import Inputs, InputSecret
from llmkeys.cli.bootstrap_numbers import last_finished, under_way
from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.crypto.mac import same
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import mac_key_of
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.bootstrap_objects import stories

_STATUS = "llmkeys bootstrap status"


class NotForgottenError(PlatformError):
    """The template stays; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """What was done; `kept_by` is a tool that may bring the Secret back."""

    was_there: bool
    kept_by: str = ""


@click.command()
@at_place
def command(place: Place) -> None:
    """Remove the template from the Secret llmkeys-bootstrap, once the operator has consumed it.

    The receipt and everything that was created stay. Refused while there is no receipt of just this template: what was
    not consumed yet, or was changed afterwards, is not thrown away.

    Exits with 0, also if there is nothing to remove; with 1 if it is refused or cannot be done.
    """
    done = place.run(_forget)
    name = f"Secret {place.namespace}/{BOOTSTRAP_SECRET}"
    if not done.was_there:
        click.echo(f"{name} holds no template; there is nothing to forget.")
        return
    click.echo(f"{name} holds nothing any more. Receipts and created objects stay.")
    if done.kept_by:
        click.echo(f"{done.kept_by} looks after {name} and would bring it back: take it out there, too.", err=True)


async def _forget(session: Session) -> _Forgotten:
    objects = session.secrets.objects
    inputs = Inputs(session.client, objects.namespace)
    found = await inputs.read()
    if found is None or not (found.data or found.repeated):
        return _Forgotten(was_there=False)
    if found.data:
        runs = await stories(objects)
        _require_finished(runs, found, objects.namespace)
        stored = await session.secrets.read("mac")
        _require_same(runs, found, stored.ring if stored else None, objects.namespace)
    if found.immutable and found.data:
        raise NotForgottenError(f"The Secret is immutable. Delete it: {_deletion(objects.namespace)}")
    try:
        await inputs.empty(found)
    except ConflictError:
        raise NotForgottenError("Somebody changed the Secret at this moment. Look at it, and try again.") from None
    return _Forgotten(was_there=True, kept_by=found.kept_by)


def _require_finished(runs: tuple[RunStory, ...], found: InputSecret, namespace: str) -> None:
    last = last_finished(runs)
    number = under_way(runs) or (found.asked if found.asked > last else 0)
    if number:
        raise NotForgottenError(f"Bootstrap {number} is not finished and still needs the template: {_STATUS}")
    if not last:
        raise NotForgottenError(
            f"The operator has not consumed the template yet: {_STATUS}\n"
            f"If it is not wanted any more: {_deletion(namespace)}"
        )


def _require_same(runs: tuple[RunStory, ...], found: InputSecret, ring: Ring | None, namespace: str) -> None:
    """Refuse a template that is not the one of a receipt."""
    receipts = [one.receipt for one in runs if one.receipt is not None]
    keys = {one.mac_key: mac_key_of(ring, one.mac_key) if ring else None for one in receipts}
    for one in receipts:
        key = keys[one.mac_key]
        if key is not None and same(one.input_mac, input_mac(found.data, key)):
            return
    if None in keys.values():
        raise NotForgottenError(
            "The key that would tell whether this is the template that was consumed is gone. Compare it yourself, and "
            f"delete the Secret: {_deletion(namespace)}"
        )
    raise NotForgottenError(
        "The template was changed after it was consumed, and the change has had no effect. To carry it out: "
        "llmkeys bootstrap --again\n"
        f"If it is not wanted: {_deletion(namespace)}"
    )


def _deletion(namespace: str) -> str:
    return f"kubectl delete secret {BOOTSTRAP_SECRET} -n {namespace}"

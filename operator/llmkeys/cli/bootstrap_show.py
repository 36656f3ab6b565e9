"""What a bootstrap would create, as rows: keys are #1, #2 and so on, and equal ones alike."""

from collections.abc import Iterable, Iterator, Mapping

import click
import msgspec

from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.bootstrap.planned import Plan, PlannedKey, PlannedObject
from llmkeys.bootstrap.printable import printable
from llmkeys.bootstrap.template import Left
from llmkeys.cli.output import print_data, print_table

_HEADS = ("LINE", "KIND", "NAME", "TYPE", "HOST", "KEYS", "DEFAULTS")
_HEADS_LEFT = ("LINE", "NOT TAKEN OVER", "WHY")


class ShownKey(msgspec.Struct, frozen=True):
    """One entry of a credential's keys; `key` is a number such as #1, `sealed`, or the Secret that it is read from."""

    name: str
    key: str


class ShownObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object that would be created."""

    line: int
    kind: str
    namespace: str
    name: str
    type: str = ""
    host: str = ""
    keys: list[ShownKey] = []
    defaults: dict[str, str] = {}


class ShownLeft(msgspec.Struct, frozen=True):
    """A part that is not taken over."""

    line: int
    what: str
    why: str


class ShownPlan(msgspec.Struct, frozen=True, rename="camel"):
    """A whole plan."""

    shape: str
    create: list[ShownObject]
    left_out: list[ShownLeft]


def shown(plan: Plan, types: Mapping[str, str]) -> ShownPlan:
    """A plan without a key in it.

    Args:
        plan: with keys in clear.
        types: of LLMProviders that the template does not hold, by name.

    """
    numbers = _Numbers()
    known = {**types, **{one.name: str(one.manifest["spec"]["type"]) for one in plan.objects if _is_provider(one)}}
    return ShownPlan(
        plan.shape,
        [_object(one, known, numbers) for one in plan.objects],
        [ShownLeft(one.place.line, one.what, one.why) for one in plan.left],
    )


def print_plan(output: str, plan: ShownPlan) -> None:
    """Print it as a table, JSON or YAML."""
    if output != "table":
        print_data(output, plan)
        return
    click.echo(f"Shape: {plan.shape}. This is a dry run: nothing is created.\n")
    if plan.create:
        print_table(_HEADS, [_cells(one) for one in plan.create])
    else:
        click.echo("There is nothing in it to be created.")
    if plan.left_out:
        click.echo()
        print_table(
            _HEADS_LEFT, [(_number(one.line), printable(one.what), printable(one.why)) for one in plan.left_out]
        )


def tell_left(left: Iterable[Left]) -> None:
    """Say on the error output what is not taken over."""
    for one in left:
        place = f" (line {one.place.line})" if one.place.line else ""
        click.echo(f"Not taken over: {printable(one.what)}{place}. {printable(one.why)}", err=True)


class _Numbers:
    """Numbers for keys, in the order in which they come; a key that comes again has the number that it had."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], int] = {}

    def of(self, key: PlannedKey) -> str:
        if not key.values:
            source = key.manifest.get("secretRef")
            return f"Secret {source.get('name', '')}" if source else "sealed"
        values = tuple(key.values[name].secret.reveal() for name in sorted(key.values))
        return f"#{self._known.setdefault(values, len(self._known) + 1)}"


def _object(one: PlannedObject, types: Mapping[str, str], numbers: _Numbers) -> ShownObject:
    spec = one.manifest.get("spec", {})
    return ShownObject(
        line=one.place.line,
        kind=one.kind,
        namespace=one.namespace,
        name=one.name,
        type=_type(one, types),
        host=one.host,
        keys=[ShownKey(str(key.manifest.get("name", "")), numbers.of(key)) for key in one.keys],
        defaults=dict(spec.get("models", {}).get("defaults", {})) if _is_provider(one) else {},
    )


def _type(one: PlannedObject, types: Mapping[str, str]) -> str:
    spec = one.manifest.get("spec", {})
    if _is_provider(one):
        return str(spec["type"])
    return types.get(str(spec["providerRef"]["name"]), "") if one.kind == CREDENTIAL_KIND else ""


def _is_provider(one: PlannedObject) -> bool:
    return one.kind == PROVIDER_KIND


def _cells(one: ShownObject) -> tuple[str, ...]:
    return (
        _number(one.line),
        one.kind,
        f"{one.namespace}/{one.name}" if one.namespace else one.name,
        one.type,
        one.host,
        printable(", ".join(f"{key.name} {key.key}" for key in one.keys)),
        printable(", ".join(_defaults(one.defaults))),
    )


def _defaults(defaults: Mapping[str, str]) -> Iterator[str]:
    return (f"{kind} {model}" for kind, model in defaults.items())


def _number(line: int) -> str:
    return str(line) if line else "-"

"""From the input to what it asks for now, and the records of plan and receipt, of which the first of two counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from llmkeys import __version__
from llmkeys.api.durations import rfc3339
from llmkeys.bootstrap.comparison import input_mac
from llmkeys.bootstrap.handed_over import handed_over
from llmkeys.bootstrap.manifests import planned_mac
from llmkeys.bootstrap.plan import plan_of
from llmkeys.bootstrap.planned import Plan
from llmkeys.bootstrap.records import (
    PlannedLine,
    PlanRecord,
    ReceiptRecord,
    Settled,
    left_lines,
    plan_data,
    plan_from,
    receipt_data,
    receipt_from,
    receipt_of,
    record_name,
)
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.bootstrap_effects import BootstrapCluster, InputObject, Offload
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import ConflictError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the template asks for now.

    Args:
        entry: key of the Secret that holds it.
        plan: its objects.
        lines: the same objects, as a record lists them.
        input_mac: of everything in the Secret.
        mac_key: version of the key of all MACs.

    """

    entry: str
    plan: Plan
    lines: tuple[PlannedLine, ...]
    input_mac: str
    mac_key: int


class Planner:
    """Reads templates.

    Args:
        cluster: knows LLMProviders that a template does not hold.
        catalogue: knows what providers there are.
        environment: of the process, with variables in it.
        offload: computes where it delays nobody.

    """

    def __init__(
        self, cluster: BootstrapCluster, catalogue: Catalogue, environment: Mapping[str, str], offload: Offload
    ) -> None:
        self._cluster = cluster
        self._catalogue = catalogue
        self._environment = environment
        self._offload = offload

    async def wanted(self, found: InputObject, mac: MacKey) -> Wanted:
        """What the input asks for.

        Raises:
            TemplateInvalidError: it cannot be used.

        """
        handed = handed_over(found.data, self._environment)
        template = await self._offload(partial(handed.read, self._catalogue))
        known = await self._cluster.read_providers(template.foreign_providers)
        plan = await self._offload(partial(plan_of, template, self._catalogue, known))
        lines = await self._offload(partial(_lines, plan, mac))
        return Wanted(handed.entry, plan, lines, input_mac(found.data, mac), mac.version)


class Records:
    """Plans and receipts.

    Args:
        cluster: that holds them.
        clock: dates them.

    """

    def __init__(self, cluster: BootstrapCluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    async def plan(self, number: int) -> PlanRecord | None:
        """The plan of a bootstrap, None if there is none.

        Raises:
            RecordMalformedError: it is not ours.

        """
        found = await self._cluster.read_record(record_name("plan", number))
        return None if found is None else plan_from(number, found.data)

    async def receipt(self, number: int) -> ReceiptRecord | None:
        """The receipt of a bootstrap, None if there is none.

        Raises:
            RecordMalformedError: it is not ours.

        """
        found = await self._cluster.read_record(record_name("receipt", number))
        return None if found is None else receipt_from(number, found.data)

    async def keep_plan(self, number: int, wanted: Wanted) -> PlanRecord:
        """The plan from now on: this one, or the one of another operator that was faster.

        Raises:
            TemplateInvalidError: it is too large to be kept.

        """
        plan = PlanRecord(
            number=number,
            entry=wanted.entry,
            shape=wanted.plan.shape,
            input_mac=wanted.input_mac,
            mac_key=wanted.mac_key,
            version=__version__,
            planned_at=rfc3339(self._clock.now()),
            objects=wanted.lines,
            left=left_lines(wanted.plan.left),
            left_in_all=len(wanted.plan.left),
        )
        try:
            await self._cluster.create_record(record_name("plan", number), plan_data(plan), immutable=True)
        except ConflictError:
            return await self.plan(number) or plan
        return plan

    async def keep_receipt(self, plan: PlanRecord, settled: Mapping[int, Settled]) -> ReceiptRecord:
        """The receipt from now on: this one, or the one of another operator that was faster."""
        receipt = receipt_of(plan, settled, rfc3339(self._clock.now()), __version__)
        try:
            name = record_name("receipt", plan.number)
            await self._cluster.create_record(name, receipt_data(receipt), immutable=True)
        except ConflictError:
            return await self.receipt(plan.number) or receipt
        return receipt


def _lines(plan: Plan, mac: MacKey) -> tuple[PlannedLine, ...]:
    """The objects as a record lists them."""
    return tuple(
        PlannedLine(one.kind, one.namespace, one.name, planned_mac(one, mac), one.place.line) for one in plan.objects
    )

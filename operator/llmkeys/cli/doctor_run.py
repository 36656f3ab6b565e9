"""`llmkeys doctor` itself: looks, and prints what was found."""

import asyncio

import click

from llmkeys.cli.doctor_api import PersonsApi, persons_api
from llmkeys.cli.doctor_cluster import cluster_seen
from llmkeys.cli.doctor_namespace import NamespaceSeen, namespace_seen, pod_and_events
from llmkeys.cli.output import print_data, print_facts, print_table
from llmkeys.doctor.cluster import findings_of as cluster_findings
from llmkeys.doctor.cluster_seen import ClusterSeen
from llmkeys.doctor.credential import collisions, delivery_of
from llmkeys.doctor.finding import Finding, Hidden, unseen
from llmkeys.doctor.pod import PodSeen
from llmkeys.doctor.pod import findings_of as pod_findings
from llmkeys.doctor.report import (
    CREDENTIAL_HEADS,
    HEADS,
    Report,
    cells_of,
    credential_cells_of,
    trial_finding,
    way_facts,
)
from llmkeys.doctor.way import ways_of

WELL, WRONG = 0, 3
"""Exit codes."""


def run(namespace: str, pod: str, operator_namespace: str, output: str) -> int:
    """Look at a cluster, print what was found, and give the exit code.

    Args:
        namespace: whose credentials are looked at, empty for none.
        pod: of that namespace, or the workload that was to create it; empty for none.
        operator_namespace: empty for the one that the CRDs are marked with.
        output: table, json or yaml.

    Raises:
        LlmkeysError: the API server cannot be asked, or there is no such namespace.

    """
    report = asyncio.run(_look(namespace, pod, operator_namespace))
    if output == "table":
        _print(report)
    else:
        print_data(output, report)
    return WELL if report.all_well else WRONG


async def _look(namespace: str, pod: str, operator_namespace: str) -> Report:
    async with persons_api() as api:
        space = await namespace_seen(api, namespace) if namespace else None
        cluster = await cluster_seen(api, namespace, operator_namespace)
        findings = await _about_pod(api, namespace, pod, cluster, space) if space and pod else ()
    report = Report(ways_of(cluster), cluster_findings(cluster))
    if space is None:
        return report
    if isinstance(space.credentials, Hidden):
        about = (unseen("credentials", space.credentials), *trial_finding(cluster, ()))
        return Report(report.ways, report.cluster, about, (), findings)
    ordered = sorted(space.credentials, key=lambda one: one.metadata.name)
    credentials = tuple(delivery_of(one, space.roles, space.accounts) for one in ordered)
    about = (*trial_finding(cluster, credentials), *collisions(ordered))
    return Report(report.ways, report.cluster, about, credentials, findings)


async def _about_pod(
    api: PersonsApi, namespace: str, name: str, cluster: ClusterSeen, space: NamespaceSeen
) -> tuple[Finding, ...]:
    pod, events = await pod_and_events(api, namespace, name)
    if isinstance(pod, Hidden):
        return (unseen(f"pod {name}", pod),)
    credentials = () if isinstance(space.credentials, Hidden) else space.credentials
    since = "" if isinstance(cluster.policies, Hidden) else cluster.policies.since
    known = {one.metadata.name: one for one in credentials}
    return pod_findings(PodSeen(namespace, name, pod, events, known, space.roles, since))


def _print(report: Report) -> None:
    print_table(("CLUSTER", *HEADS), cells_of(report.cluster))
    click.echo()
    print_facts(way_facts(report.ways))
    if report.credentials:
        click.echo()
        print_table(CREDENTIAL_HEADS, credential_cells_of(report.credentials))
    if report.namespace:
        click.echo()
        print_table(("NAMESPACE", *HEADS), cells_of(report.namespace))
    if report.pod:
        click.echo()
        print_table(("POD", *HEADS), cells_of(report.pod))

"""Pods of a tenant read a key through the unsealer, as docs/in-the-pod.md shows it."""

import pytest

from tests.support.cluster_build import Log
from tests.support.node_provider import GOOD_KEY, NodeProvider
from tests.support.node_workload import AGE, PYTHON, STRANGER, Object, Tenant

SHOW = [PYTHON, "-c", "import os; print(os.environ['OPENAI_API_KEY'])"]
SHOW_WITH_AGE = [PYTHON, "-c", f"{AGE}print(os.environ['OPENAI_API_KEY'], age)"]
DENIED = 14


@pytest.fixture
def credential(tenant: Tenant, provider: NodeProvider) -> Object:
    """A good key that the account `chat` may have opened."""
    return tenant.deliver(provider, GOOD_KEY, ["chat"])


def test_the_key_is_proven_by_a_call_from_the_controllers_pod(credential: Object) -> None:
    conditions = {one["type"]: one["reason"] for one in credential["status"]["conditions"]}

    assert conditions["Ready"] == "Verified"


def test_an_init_container_unseals_and_the_program_reads_its_environment(
    tenant: Tenant, credential: Object, log: Log
) -> None:
    ended, printed = tenant.run(tenant.pod("chat", credential, SHOW))

    log(f"`llmkeys unseal` as an init container ran {ended['llmkeys'].seconds:.0f} s, in whole seconds")
    assert printed == f"{GOOD_KEY}\n"
    assert ended["llmkeys"].code == ended["chat"].code == 0


def test_exec_runs_the_program_with_the_key_in_its_environment(tenant: Tenant, credential: Object, log: Log) -> None:
    ended, printed = tenant.run(tenant.exec_pod("chat", credential, SHOW_WITH_AGE))

    key, age = printed.split()
    log(f"`llmkeys exec`: its program ran {float(age):.2f} s after the container's start")
    assert key == GOOD_KEY
    assert ended["chat"].code == 0


def test_a_pod_of_another_account_is_refused_and_told_what_would_help(tenant: Tenant, credential: Object) -> None:
    ended, printed = tenant.run(tenant.pod("chat", credential, SHOW, account=STRANGER))

    refused = ended["llmkeys"]
    assert printed == ""
    assert "chat" not in ended
    assert refused.code == DENIED
    assert f'account "{STRANGER}" may not have LLMCredential "openai" opened' in refused.message
    assert f"llmkeys manifest rolebinding openai --service-account {STRANGER}" in refused.message
    assert GOOD_KEY not in refused.message

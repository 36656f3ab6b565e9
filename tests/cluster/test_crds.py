"""What the API server accepts and refuses, and what a person is told. Most cases are in golden/."""

from typing import Any, Final

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from tests.cluster.golden.cases import ACCEPTED, REFUSED, Case, golden_cases, laid_over, submit
from tests.support.cluster import ControlPlane

ACCEPTED_CASES: Final = golden_cases(ACCEPTED)
REFUSED_CASES: Final = golden_cases(REFUSED)
FORBIDDEN_VARIABLES: Final = (
    "PATH",
    "HOME",
    "SHELL",
    "HOSTNAME",
    "ENV",
    "IFS",
    "BASH_ENV",
    "NODE_OPTIONS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "GODEBUG",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "GIT_SSH_COMMAND",
    "KUBERNETES_SERVICE_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)


def assert_refused(case: Case, plane: ControlPlane, namespace: str) -> None:
    answer = submit(case, plane, namespace)
    assert answer.returncode != 0, "it was accepted"
    assert case.message in answer.stderr
    assert "no such" not in answer.stderr, "a rule itself failed"
    assert "invalid type conversion" not in answer.stderr, "a rule itself failed"


@pytest.mark.parametrize("case", ACCEPTED_CASES.values(), ids=ACCEPTED_CASES)
def test_a_good_spec_is_accepted(case: Case, installed: ControlPlane, namespace: str) -> None:
    answer = submit(case, installed, namespace)

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("case", REFUSED_CASES.values(), ids=REFUSED_CASES)
def test_a_bad_spec_is_refused_with_a_message(case: Case, installed: ControlPlane, namespace: str) -> None:
    assert_refused(case, installed, namespace)


@pytest.mark.parametrize("variable", FORBIDDEN_VARIABLES)
def test_a_variable_that_changes_how_programs_start_is_refused(
    variable: str, installed: ControlPlane, namespace: str
) -> None:
    spec = laid_over(CREDENTIAL_KIND, {"target": {"data": {variable: "$(apiKey)"}}})

    assert_refused(Case(CREDENTIAL_KIND, spec, message="must not set variables"), installed, namespace)


def with_keys(count: int) -> dict[str, Any]:
    return {"keys": [{"name": f"key-{number}", "secretRef": {"name": "raw"}} for number in range(count)]}


def with_key_name(name: str) -> dict[str, Any]:
    return {"keys": [{"name": name, "secretRef": {"name": "raw"}}]}


def with_data(count: int, value: str = "$(apiKey)") -> dict[str, Any]:
    return {"target": {"data": {f"KEY_{number}": value for number in range(count)}}}


def with_fields(count: int) -> dict[str, Any]:
    fields = {f"field{number}": "KEY" for number in range(count)}
    return {"keys": [{"name": "primary", "secretRef": {"name": "raw", "fields": fields}}]}


def with_url(length: int) -> str:
    return "https://gw.example.com/".ljust(length, "a")


def with_bundle(length: int) -> dict[str, Any]:
    return {"network": {"caBundle": "-----BEGIN CERTIFICATE-----\n".ljust(length, "a")}}


def pairs(count: int, value: str = "a") -> dict[str, str]:
    return {f"name{number}": value for number in range(count)}


LIMITS: Final[list[tuple[str, dict[str, Any], dict[str, Any]]]] = [
    (PROVIDER_KIND, {"type": "a" * 63}, {"type": "a" * 64}),
    (PROVIDER_KIND, {"baseURL": with_url(2048)}, {"baseURL": with_url(2049)}),
    (PROVIDER_KIND, {"config": pairs(32)}, {"config": pairs(33)}),
    (PROVIDER_KIND, {"config": pairs(1, "a" * 1024)}, {"config": pairs(1, "a" * 1025)}),
    (PROVIDER_KIND, {"config": {"a" * 63: "b"}}, {"config": {"a" * 64: "b"}}),
    (PROVIDER_KIND, {"headers": pairs(16)}, {"headers": pairs(17)}),
    (PROVIDER_KIND, {"headers": pairs(1, "a" * 1024)}, {"headers": pairs(1, "a" * 1025)}),
    (PROVIDER_KIND, {"headers": {"a" * 128: "b"}}, {"headers": {"a" * 129: "b"}}),
    (PROVIDER_KIND, with_bundle(65536), with_bundle(65537)),
    (CREDENTIAL_KIND, with_keys(32), with_keys(33)),
    (CREDENTIAL_KIND, with_key_name("a" * 40), with_key_name("a" * 41)),
    (CREDENTIAL_KIND, with_fields(8), with_fields(9)),
    (CREDENTIAL_KIND, with_data(32), with_data(33)),
    (CREDENTIAL_KIND, with_data(1, "$(apiKey)".ljust(2048, "a")), with_data(1, "$(apiKey)".ljust(2049, "a"))),
    (CREDENTIAL_KIND, {"target": {"name": "a" * 253}}, {"target": {"name": "a" * 254}}),
]


@pytest.mark.parametrize(("kind", "largest", "too_large"), LIMITS)
def test_a_limit_is_where_the_schema_says(
    kind: str, largest: dict[str, Any], too_large: dict[str, Any], installed: ControlPlane, namespace: str
) -> None:
    accepted = submit(Case(kind, laid_over(kind, largest)), installed, namespace)
    refused = submit(Case(kind, laid_over(kind, too_large)), installed, namespace)

    assert accepted.returncode == 0, accepted.stderr
    assert refused.returncode != 0


def test_the_largest_credential_stays_within_the_cost_budget(installed: ControlPlane, namespace: str) -> None:
    """A rule whose cost at run time exceeds the budget refuses what the schema allows."""
    data = {f"{'K' * 200}_{number}": "$(apiKey)".rjust(2048, "$") for number in range(32)}
    spec = laid_over(CREDENTIAL_KIND, {**with_keys(32), "target": {"data": data}})

    answer = submit(Case(CREDENTIAL_KIND, spec, name="a" * 63), installed, namespace)

    assert answer.returncode == 0, answer.stderr

"""Whether values reach a pod as variables: an env file, which the kubelet reads, cannot carry all of them.

What is found here is said when the key is looked at; otherwise a pod would hang, and say nothing that helps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from llmkeys.api.credential import ENVELOPE_TARGET, Target
from llmkeys.api.env_file import problem_of
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.delivery.render import (
    BASE_URL,
    DOCUMENT,
    ENV,
    REFERENCE,
    DataInvalidError,
    sdk_base,
    substitute,
    variables_by_field,
)
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Candidate


def carried(candidate: Candidate, target: Target, entry: Provider) -> Candidate:
    """The same key, or why a value of it cannot be a variable of a pod.

    Args:
        candidate: as read.
        target: how it is delivered.
        entry: of the catalogue; a document is a file, unless `target.data` puts it into a variable.

    """
    if candidate.material is None or candidate.problem is not None or not _by_env_file(target):
        return candidate
    for name, text in _secret_values(target, entry, candidate.material.revealed()):
        if problem := problem_of(name, text.encode()):
            because = f"its {name} {problem}; target.format JSON or Files can"
            return replace(candidate, problem=Reason.MALFORMED_KEY, values={**candidate.values, "because": because})
    return candidate


def check_carried(target: Target, entry: Provider, endpoint: Endpoint) -> None:
    """What is no secret of a delivery can be in variables too.

    Args:
        target: how it is delivered.
        entry: of the catalogue.
        endpoint: where the key is good for.

    Raises:
        DataInvalidError: a value cannot.

    """
    if not _by_env_file(target):
        return
    for name, text in _plain_values(target, entry, endpoint):
        if text and (problem := problem_of(name, text.encode())):
            raise DataInvalidError(f"{name} {problem}; target.format JSON or Files can.")


def _by_env_file(target: Target) -> bool:
    return target.encryption == ENVELOPE_TARGET and target.format == ENV


def _secret_values(target: Target, entry: Provider, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if target.data:
        secrets = {one.name for one in entry.all_secret_fields}
        for name, template in target.data.items():
            if secrets & set(REFERENCE.findall(template)):
                yield name, substitute(template, fields)
    else:
        variables = {one.name for one in entry.all_secret_fields if one.env and one.type != DOCUMENT}
        yield from ((name, text) for name, text in fields.items() if name in variables)


def _plain_values(target: Target, entry: Provider, endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    texts = {BASE_URL: sdk_base(entry, endpoint), **endpoint.config}
    if target.data:
        for name, template in target.data.items():
            yield name, substitute(template, texts)
    else:
        variables = variables_by_field(entry, endpoint)
        yield from ((variables[field], text) for field, text in texts.items() if field in variables)

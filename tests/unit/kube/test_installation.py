import json
from dataclasses import dataclass
from typing import Any, cast

import pytest

from llmkeys.api.names import INSTALLED_IN_ANNOTATION
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.installation import AnotherInstallationError, installed_elsewhere, refuse_if_installed_elsewhere


def crd(**metadata: Any) -> bytes:
    return json.dumps({"kind": "PartialObjectMetadata", "metadata": {"name": "crd", **metadata}}).encode()


def marked(namespace: str) -> bytes:
    return crd(annotations={INSTALLED_IN_ANNOTATION: namespace})


@dataclass
class Answering:
    """An API server that has one answer."""

    answer: bytes | Exception

    async def get(self, _path: str, _resource: str, **_: str) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def start(answer: bytes | Exception) -> None:
    await refuse_if_installed_elsewhere(cast("ApiClient", Answering(answer)), "llmkeys-system")


@pytest.mark.parametrize(
    ("content", "elsewhere"),
    [
        (crd(), None),
        (crd(annotations={}), None),
        (marked(""), None),
        (marked("llmkeys-system"), None),
        (marked("other"), "other"),
    ],
)
def test_only_the_mark_of_another_namespace_is_another_installation(content: bytes, elsewhere: str | None) -> None:
    assert installed_elsewhere(content, "llmkeys-system") == elsewhere


async def test_a_start_beside_another_installation_is_refused_with_both_names_and_the_way_out() -> None:
    with pytest.raises(AnotherInstallationError) as refused:
        await start(marked("theirs"))
    assert "in the namespace theirs" in str(refused.value)
    assert f"{INSTALLED_IN_ANNOTATION}=llmkeys-system" in str(refused.value)


@pytest.mark.parametrize("answer", [marked("llmkeys-system"), crd(), NotThereError("gone"), ForbiddenError("no right")])
async def test_nothing_else_holds_up_a_start(answer: bytes | Exception) -> None:
    await start(answer)

"""`llmkeys manifest TYPE` for every type: the API server takes what it prints."""

import pytest
from click.testing import CliRunner

from llmkeys.catalogue.loader import load
from llmkeys.cli.main import main
from tests.support.cluster import ControlPlane

TYPES = sorted(load().providers)


@pytest.mark.parametrize("first", range(0, len(TYPES), 25))
def test_the_api_server_takes_the_manifests_of_every_type(first: int, installed: ControlPlane, namespace: str) -> None:
    texts = []
    for kind in TYPES[first : first + 25]:
        done = CliRunner().invoke(main, ["manifest", kind, "-n", namespace])
        assert done.exit_code == 0, done.output
        texts.append(done.stdout)
    taken = installed.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", input="---\n".join(texts))
    assert len(taken.stdout.splitlines()) == sum(text.count("\nkind: ") for text in texts)

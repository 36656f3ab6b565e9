"""`llmkeys bootstrap` on a real API server, with a person's rights; the operator's records are written by the test."""

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION, BOOTSTRAP_SECRET, INTERNAL_LABEL, MAC_SECRET, SEALING_SECRET
from llmkeys.bootstrap.comparison import input_mac
from llmkeys.bootstrap.notes import Notes, Told, notes_data
from llmkeys.bootstrap.records import (
    LeftLine,
    Outcome,
    PlannedLine,
    PlanRecord,
    Settled,
    plan_data,
    receipt_data,
    receipt_of,
    record_name,
)
from llmkeys.cli.bootstrap_input import Inputs
from llmkeys.cli.main import main
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.ring_keys import SealingKeys, mac_key
from llmkeys.crypto.sealing import open_sealed
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.rings import Rings
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane

CANARY: Final = "sk-proj-canary0123456789"
NOW: Final = 1_800_000_000.0
TEMPLATE: Final = (
    f"user_default_llm:\n  factory: OpenAI\n  api_key: {CANARY}\n  default_models: {{chat_model: gpt-5}}\n"
)
OBJECTS: Final = (
    PlannedLine("Namespace", "", "llmkeys-default", "m1", 2),
    PlannedLine("LLMProvider", "", "openai", "m2", 2),
    PlannedLine("LLMCredential", "llmkeys-default", "openai", "m3", 2),
)
CREATED: Final = Settled(Outcome.CREATED)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


async def no_traces() -> Traces:
    """The credentials on the shared API server are of other operators."""
    return Traces()


@dataclass
class Person:
    """Somebody with a shell and an operator's namespace."""

    api: AdminApi
    namespace: str
    folder: Path

    def bootstrap(self, *args: str | Path) -> Result:
        done = CliRunner().invoke(main, ["bootstrap", *map(str, args), f"--namespace={self.namespace}"])
        assert "canary" not in done.output
        assert "Traceback" not in done.output
        return done

    def template(self) -> Path:
        file = self.folder / "template.yaml"
        file.write_text(TEMPLATE, encoding="utf-8")
        return file

    def story(self) -> Any:
        return json.loads(self.bootstrap("status", "-o", "json").stdout)

    def start_operator(self) -> Rings:
        """What an operator's start leaves behind."""

        async def load() -> Rings:
            client = ApiClient()
            await client.open()
            try:
                return await Rings.load(client, self.namespace, None, lambda: NOW, traces=no_traces)
            finally:
                await client.close()

        return asyncio.run(load())

    def path(self, resource: str, name: str = "") -> str:
        base = f"/api/v1/namespaces/{self.namespace}/{resource}"
        return f"{base}/{name}" if name else base

    def input(self) -> Any:
        return self.api.get(self.path("secrets", BOOTSTRAP_SECRET))

    def hand_over(self, data: Mapping[str, str], **more: Any) -> None:
        """As kubectl does it."""
        metadata = {"name": BOOTSTRAP_SECRET, **more.pop("metadata", {})}
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded, **more}
        self.api.create(self.path("secrets"), body)

    def operator_and_template(self, **more: Any) -> Rings:
        """An operator has started, and a template has been handed over in clear."""
        rings = self.start_operator()
        self.hand_over({"bootstrap.yaml": TEMPLATE}, **more)
        return rings

    def consumed_template(self, **more: Any) -> None:
        """That, and the operator has consumed it."""
        self.consumed(self.operator_and_template(**more))

    def planned(self, rings: Rings, number: int = 1, **more: Any) -> PlanRecord:
        """What the operator writes first, of the input as it is."""
        key = mac_key(rings.mac)
        data = {name: base64.b64decode(value) for name, value in (self.input()["data"] or {}).items()}
        mac = input_mac(data, key)
        plan = PlanRecord(
            number, "bootstrap.yaml", "RAGFlow", mac, key.version, "1", "2027-01-15T08:00:00Z", OBJECTS, **more
        )
        self.record("plan", number, plan_data(plan))
        return plan

    def consumed(self, rings: Rings, number: int = 1, *outcomes: Settled, **more: Any) -> None:
        """What the operator leaves behind."""
        plan = self.planned(rings, number, **more)
        settled = dict(enumerate(outcomes or (CREATED, CREATED, CREATED)))
        self.record("receipt", number, receipt_data(receipt_of(plan, settled, "2027-01-15T08:00:05Z", "1")))

    def record(self, kind: Any, number: int, data: Mapping[str, bytes | str]) -> None:
        texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        metadata = {"name": record_name(kind, number), "labels": {INTERNAL_LABEL: "true"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
        self.api.create(self.path("configmaps"), body)


@pytest.fixture
def person(installed: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    namespace = installed.new_namespace("bootstrap-commands")
    yield Person(AdminApi(installed), namespace, tmp_path)
    installed.delete_namespace(namespace, wait=False)


# -- handing over --------------------------------------------------------------------------------------------


def test_a_template_arrives_sealed_with_the_operators_key(person: Person) -> None:
    rings = person.start_operator()

    done = person.bootstrap(person.template())

    assert done.exit_code == 0, done.output
    assert rings.sealing.active.key_id in done.stderr
    data = person.input()["data"]
    assert set(data) == {"sealed"}
    (_, credential) = json.loads(base64.b64decode(data["sealed"]))
    sealed = credential["spec"]["keys"][0]["sealed"]["apiKey"]
    assert open_sealed(sealed, SealingKeys(rings.sealing)) == CANARY.encode()


def test_before_the_operators_first_start_the_way_out_is_named(person: Person) -> None:
    done = person.bootstrap(person.template())
    assert done.exit_code == 1
    assert f"kubectl create secret generic {BOOTSTRAP_SECRET} --from-file=bootstrap.yaml=" in done.stderr
    assert person.input() is None


def test_a_ring_made_beforehand_is_taken_over_by_the_operator(person: Person) -> None:
    file, public = person.folder / "ring.json", person.folder / "operator.pub"
    made = CliRunner().invoke(main, ["keys", "generate", str(file), "--ring", f"--namespace={person.namespace}"])
    public.write_text(made.stdout, encoding="utf-8")
    person.api.create(person.path("secrets"), json.loads(file.read_text(encoding="utf-8")))

    done = person.bootstrap(person.template(), "--public-key", public)

    assert done.exit_code == 0, done.output
    rings = person.start_operator()
    assert rings.sealing.active.key_id == PublicKey.parse(made.stdout).key_id
    (_, credential) = json.loads(base64.b64decode(person.input()["data"]["sealed"]))
    assert open_sealed(credential["spec"]["keys"][0]["sealed"]["apiKey"], SealingKeys(rings.sealing)) == CANARY.encode()
    assert person.api.get(person.path("secrets", SEALING_SECRET))["metadata"]["labels"] == {INTERNAL_LABEL: "true"}


def test_another_public_key_than_before_is_refused_until_it_is_accepted(person: Person) -> None:
    person.start_operator()
    assert person.bootstrap(person.template()).exit_code == 0
    person.api.delete(person.path("secrets", BOOTSTRAP_SECRET))
    rotated = CliRunner().invoke(main, ["keys", "rotate", "sealing", f"--namespace={person.namespace}"])
    assert rotated.exit_code == 0, rotated.output
    rings = person.start_operator()

    refused = person.bootstrap(person.template())

    assert refused.exit_code == 1
    assert f"--accept {rings.sealing.active.key_id}" in refused.stderr
    assert person.bootstrap(person.template(), "--accept", rings.sealing.active.key_id).exit_code == 0


def test_a_template_that_waits_is_not_replaced(person: Person) -> None:
    person.operator_and_template()
    before = person.input()

    done = person.bootstrap(person.template())

    assert done.exit_code == 1
    assert f"kubectl delete secret {BOOTSTRAP_SECRET}" in done.stderr
    assert person.input() == before


@pytest.mark.parametrize("is_there", [True, False], ids=["input there", "input deleted"])
def test_a_second_bootstrap_takes_an_explicit_word(is_there: bool, person: Person) -> None:
    person.consumed_template()
    if not is_there:
        person.api.delete(person.path("secrets", BOOTSTRAP_SECRET))
    before = person.input()

    done = person.bootstrap(person.template())

    assert done.exit_code == 1
    assert "--again" in done.stderr
    assert person.input() == before


@pytest.mark.parametrize("is_there", [True, False], ids=["input there", "input deleted"])
def test_again_with_a_file_puts_it_in_place_and_asks_for_the_next_number(is_there: bool, person: Person) -> None:
    rings = person.start_operator()
    person.hand_over({"bootstrap.yaml": TEMPLATE, "VARIABLE": "x"})
    person.consumed(rings)
    if not is_there:
        person.api.delete(person.path("secrets", BOOTSTRAP_SECRET))

    done = person.bootstrap(person.template(), "--again")

    assert done.exit_code == 0, done.output
    assert set(person.input()["data"]) == {"sealed"}
    assert person.input()["metadata"]["annotations"][BOOTSTRAP_AGAIN_ANNOTATION] == "2"


def test_again_without_a_file_asks_for_what_is_there(person: Person) -> None:
    person.consumed_template()

    done = person.bootstrap("--again")

    assert done.exit_code == 0, done.output
    assert person.input()["metadata"]["annotations"][BOOTSTRAP_AGAIN_ANNOTATION] == "2"
    assert set(person.input()["data"]) == {"bootstrap.yaml"}
    assert person.bootstrap("status").exit_code == 3


def test_again_is_the_first_one_where_there_is_no_receipt(person: Person) -> None:
    """So restored rings without receipts are told."""
    person.operator_and_template()

    assert person.bootstrap("--again").exit_code == 0

    assert person.input()["metadata"]["annotations"][BOOTSTRAP_AGAIN_ANNOTATION] == "1"


def test_again_waits_for_the_end_of_what_is_under_way(person: Person) -> None:
    rings = person.operator_and_template()
    person.planned(rings)

    for done in (person.bootstrap("--again"), person.bootstrap(person.template(), "--again")):
        assert done.exit_code == 1
        assert "not finished" in done.stderr


@pytest.mark.parametrize("data", [None, {}], ids=["deleted", "forgotten"])
def test_again_without_a_template_asks_for_one(data: Mapping[str, str] | None, person: Person) -> None:
    person.start_operator()
    if data is not None:
        person.hand_over(data)

    done = person.bootstrap("--again")

    assert done.exit_code == 1
    assert "--again FILE" in done.stderr


@pytest.mark.parametrize("change", ["changed", "made anew"])
def test_what_changed_since_it_was_read_is_not_written_over(change: str, person: Person) -> None:
    person.hand_over({"bootstrap.yaml": TEMPLATE})

    async def write_late() -> None:
        client = ApiClient()
        await client.open()
        try:
            inputs = Inputs(client, person.namespace)
            found = await inputs.read()
            assert found is not None
            if change == "changed":
                person.api.merge(person.path("secrets", BOOTSTRAP_SECRET), {"data": {"MORE": "eA=="}})
            else:
                person.api.delete(person.path("secrets", BOOTSTRAP_SECRET))
                person.hand_over({"bootstrap.yaml": "another"})
            for write in (inputs.empty(found), inputs.ask(found, 7), inputs.replace(found, "[]", 7)):
                with pytest.raises(ConflictError):
                    await write
        finally:
            await client.close()

    asyncio.run(write_late())

    assert "bootstrap.yaml" in person.input()["data"]
    assert "annotations" not in person.input()["metadata"]


# -- status --------------------------------------------------------------------------------------------------


def test_where_there_was_none_status_says_so(person: Person) -> None:
    done = person.bootstrap("status")
    assert done.exit_code == 4
    assert "llmkeys bootstrap FILE" in done.stdout


def test_a_template_that_nobody_took_up_waits_and_the_switch_is_named(person: Person) -> None:
    person.hand_over({"bootstrap.yaml": TEMPLATE})
    done = person.bootstrap("status")
    assert done.exit_code == 3
    assert "config/components/bootstrap" in done.stdout


def test_status_says_what_a_bootstrap_that_goes_on_waits_for(person: Person) -> None:
    rings = person.operator_and_template()
    person.planned(rings)
    waiting = Told("BootstrapWaiting", "It may not create llmproviders.", "2027-01-15T08:00:01Z")
    person.record("notes", 1, notes_data(Notes({0: CREATED}, waiting=waiting)))

    done = person.bootstrap("status")

    assert done.exit_code == 3
    assert "It may not create llmproviders." in done.stdout
    assert "1 created, 2 pending" in done.stdout
    assert "pending   LLMProvider openai" in done.stdout


def test_status_tells_the_whole_story(person: Person) -> None:
    rings = person.operator_and_template()
    outcomes = (Settled(Outcome.EXISTS), Settled(Outcome.DIFFERS), Settled(Outcome.REFUSED, "Invalid"))
    person.consumed(rings, 1, *outcomes, left=(LeftLine("tts_model", "There is no such type.", 7),), left_in_all=1)
    ignored = Told("BootstrapIgnored", "LLMProvider/openai (changed)", "2027-01-16T08:00:00Z", "mac")
    person.record("notes", 1, notes_data(Notes(ignored=ignored, finished=True)))

    done, story = person.bootstrap("status"), person.story()

    assert done.exit_code == 0, done.output
    for words in ("--again", "RAGFlow", "2027-01-15T08:00:05Z", "LLMProvider/openai (changed)", "tts_model (line 7)"):
        assert words in done.stdout
    assert story["stage"] == "done"
    assert story["input"]["inClear"] is True
    assert story["runs"][0]["counts"] == {"exists": 1, "differs": 1, "refused": 1}
    assert [one["detail"] for one in story["runs"][0]["objects"] if "detail" in one] == ["Invalid"]


# -- forgetting ----------------------------------------------------------------------------------------------


def test_a_consumed_template_is_forgotten_with_its_variables_and_kubectls_copy(person: Person) -> None:
    rings = person.start_operator()
    copy = json.dumps({"stringData": {"bootstrap.yaml": TEMPLATE}})
    person.hand_over({"bootstrap.yaml": TEMPLATE, "KEY": CANARY}, metadata={"annotations": {LAST_APPLIED: copy}})
    person.consumed(rings)

    done = person.bootstrap("forget")

    assert done.exit_code == 0, done.output
    assert "data" not in person.input()
    assert LAST_APPLIED not in person.input()["metadata"].get("annotations", {})
    assert person.bootstrap("status").exit_code == 0
    again = person.bootstrap("forget")
    assert again.exit_code == 0
    assert "nothing to forget" in again.stdout


def test_what_was_not_consumed_is_not_forgotten(person: Person) -> None:
    rings = person.operator_and_template()
    early = person.bootstrap("forget")
    person.planned(rings)
    half_way = person.bootstrap("forget")

    assert early.exit_code == half_way.exit_code == 1
    assert "not consumed" in early.stderr
    assert "not finished" in half_way.stderr
    assert "data" in person.input()


def test_what_is_asked_for_again_is_not_forgotten(person: Person) -> None:
    person.consumed_template()
    person.bootstrap("--again")

    done = person.bootstrap("forget")

    assert done.exit_code == 1
    assert "Bootstrap 2 is not finished" in done.stderr


def test_a_changed_template_is_not_forgotten(person: Person) -> None:
    person.consumed_template()
    changed = base64.b64encode(f"# {CANARY}\n{TEMPLATE}".encode()).decode()
    person.api.merge(person.path("secrets", BOOTSTRAP_SECRET), {"data": {"bootstrap.yaml": changed}})

    done = person.bootstrap("forget")

    assert done.exit_code == 1
    assert "changed after it was consumed" in done.stderr
    assert "data" in person.input()


def test_without_the_key_that_could_tell_nothing_is_forgotten(person: Person) -> None:
    person.consumed_template()
    person.api.delete(person.path("secrets", MAC_SECRET))

    done = person.bootstrap("forget")

    assert done.exit_code == 1
    assert "is gone. Compare it yourself" in done.stderr


def test_an_immutable_template_is_for_kubectl_to_delete(person: Person) -> None:
    person.consumed_template(immutable=True)

    for done in (person.bootstrap("forget"), person.bootstrap(person.template(), "--again")):
        assert done.exit_code == 1
        assert f"kubectl delete secret {BOOTSTRAP_SECRET}" in done.stderr


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "platform"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "platform"}}, "Flux"),
    ],
)
def test_a_tool_that_would_bring_it_back_is_named(metadata: dict[str, Any], tool: str, person: Person) -> None:
    person.consumed_template(metadata=metadata)

    done = person.bootstrap("forget")

    assert done.exit_code == 0
    assert f"{tool} looks after" in done.stderr


def test_who_may_not_is_told_which_right_it_takes(person: Person, installed: ControlPlane, monkeypatch: Any) -> None:
    installed.kubectl("create", "serviceaccount", "nobody", f"--namespace={person.namespace}")
    kubeconfig = installed.service_account_kubeconfig(person.namespace, "nobody")
    public = person.folder / "operator.pub"
    rings = person.start_operator()
    public.write_text(SealingKeys(rings.sealing).active.text(), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    for args in (("status",), ("forget",), (person.template(), "--public-key", public), ("--again",)):
        done = person.bootstrap(*args)
        assert done.exit_code == 1
        assert f"It takes this right in the namespace {person.namespace}." in done.stderr

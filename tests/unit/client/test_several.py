from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmkeys.client.errors import (
    DeniedError,
    EnvelopeMissingError,
    EnvelopeOutdatedError,
    NotExpressibleError,
    OutputFailedError,
    OutputFullError,
    TokenRefusedError,
    UnavailableError,
    WithdrawnError,
)
from llmkeys.client.first_opening import OUTDATED_SECONDS
from llmkeys.client.opening import Limits
from llmkeys.client.sealed import Sealed
from llmkeys.client.several import Several, Wanted, is_ready
from tests.support.wait import eventually
from tests.unit.client.unsealing import (
    CANARY,
    ENVELOPE,
    Answer,
    Passing,
    ProjectedVolume,
    Service,
    opened,
    refused,
    serving,
    shown,
)

AWAY = refused(503, "Unavailable")
DENIED = refused(403, "Denied")
WITHDRAWN = refused(403, "Withdrawn")
STALE = refused(403, "StaleEnvelope")


class Injected:
    """A pod with several credentials: what it is told, what it says and what its containers can read."""

    def __init__(self, volume: ProjectedVolume, passing: Passing, out: Path) -> None:
        self.volume, self.passing, self.out = volume, passing, out
        self.said: list[str] = []
        self.several: Several | None = None

    def given(
        self, required: str = "", optional: str = "", *, keep: bool = False, sealed: Sealed | None = None
    ) -> Several:
        self.said.clear()
        self.several = Several(
            sealed or self.volume.sealed(),
            Wanted(tuple(required.split()), tuple(optional.split())),
            self.out,
            Limits(60, 300),
            self.said.append,
            keep=keep,
            clock=self.passing.clock,
        )
        return self.several

    def open(self, required: str = "", optional: str = "", **more: Any) -> dict[str, str]:
        self.given(required, optional, **more).open()
        return shown(self.out)

    def pass_by(self, seconds: int) -> dict[str, str]:
        assert self.several is not None
        for _ in range(seconds):
            self.passing.sleep(1)
            self.several.look()
        return shown(self.out)

    def answers(self, **answers: Answer | list[Answer]) -> None:
        for name, given in answers.items():
            self.volume.service.answers_for[name] = given if isinstance(given, list) else [given]

    def text(self) -> str:
        return "\n".join(self.said)


@pytest.fixture
def pod(volume: ProjectedVolume, passing: Passing, tmp_path: Path) -> Injected:
    return Injected(volume, passing, tmp_path / "out")


@pytest.fixture
def two(pod: Injected) -> Iterator[Injected]:
    """`anthropic` and `openai`, each with a value of its own."""
    pod.volume.mount("openai", "anthropic")
    pod.answers(openai=opened(1, OPENAI_API_KEY="o1"), anthropic=opened(1, ANTHROPIC_API_KEY="a1"))
    return pod


BOTH = {
    "anthropic.env": "ANTHROPIC_API_KEY='a1'\n",
    "anthropic/ANTHROPIC_API_KEY": "a1",
    "openai.env": "OPENAI_API_KEY='o1'\n",
    "openai/OPENAI_API_KEY": "o1",
}
OPENAI = {"openai.env": "OPENAI_API_KEY='o1'\n", "openai/OPENAI_API_KEY": "o1"}


def test_every_mounted_envelope_becomes_an_env_file_and_a_folder_of_files(two: Injected) -> None:
    assert two.open() == BOTH
    assert (two.out / "openai.env").stat().st_mode & 0o777 == 0o444
    assert (two.out / "openai" / "OPENAI_API_KEY").stat().st_mode & 0o777 == 0o444
    assert (two.out / "openai" / "..data").stat().st_mode & 0o777 == 0o755


def test_ten_are_opened_over_one_connection(pod: Injected) -> None:
    pod.volume.mount(*(f"key-{number}" for number in range(10)))
    assert len(pod.open()) == 20
    assert pod.volume.service.connections == 1
    assert len(pod.volume.service.questions) == 10


def test_an_unsealer_that_keeps_no_connection_is_asked_over_new_ones(two: Injected) -> None:
    two.volume.service.keeps_connections = False
    assert two.open() == BOTH
    assert two.volume.service.connections == 2


def test_names_in_the_folder_that_are_no_credentials_are_skipped(two: Injected) -> None:
    envelopes = two.volume.folder / "envelopes"
    for name in ("..data", "..2027", "Upper", "under_score", ".hidden", "x" * 254):
        (envelopes / name).write_text(ENVELOPE)
    assert two.open() == BOTH


def test_required_ones_are_asked_for_first_and_in_their_order(two: Injected) -> None:
    two.volume.mount("aleph")
    two.open("openai anthropic")
    assert [question.body["credential"] for question in two.volume.service.questions] == [
        "openai",
        "anthropic",
        "aleph",
    ]


def test_an_optional_one_that_is_denied_is_left_out_with_a_line_that_says_which_and_why(two: Injected) -> None:
    two.answers(anthropic=DENIED)
    assert two.open("openai") == OPENAI | {"anthropic.env": ""}
    (line,) = [line for line in two.said if line.startswith("anthropic: ")]
    assert "not written: The pod's account" in line
    assert "spec.target.serviceAccounts" in line
    assert two.passing.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        DENIED,
        WITHDRAWN,
        refused(403, "Disabled"),
        refused(404, "NoSuchCredential"),
        refused(422, "DecryptFailed"),
        Answer(200, b"nonsense"),
    ],
    ids=["denied", "withdrawn", "disabled", "gone", "damaged", "nonsense"],
)
def test_no_refusal_of_an_optional_one_holds_up_the_others(two: Injected, answer: Answer) -> None:
    two.answers(anthropic=answer)
    assert two.open() == OPENAI | {"anthropic.env": ""}
    assert two.passing.slept == []


def test_a_required_one_that_is_denied_fails_at_once_with_its_words(two: Injected) -> None:
    two.answers(openai=DENIED)
    with pytest.raises(DeniedError, match="openai: The pod's account") as caught:
        two.open("openai")
    assert caught.value.exit_code == 14
    assert two.passing.slept == []


def test_the_first_required_failure_decides(two: Injected) -> None:
    two.answers(openai=WITHDRAWN, anthropic=DENIED)
    with pytest.raises(WithdrawnError, match=r"^openai: "):
        two.open("openai anthropic")
    with pytest.raises(DeniedError, match=r"^anthropic: "):
        two.open("anthropic openai")


def test_when_none_opens_the_first_refusal_is_the_failure(two: Injected) -> None:
    two.answers(openai=WITHDRAWN, anthropic=DENIED)
    with pytest.raises(DeniedError, match=r"^anthropic: "):
        two.open()
    assert shown(two.out) == {"anthropic.env": "", "openai.env": ""}


def test_an_unsealer_that_is_down_is_waited_for_and_then_it_runs(two: Injected) -> None:
    two.answers(openai=[AWAY, AWAY, opened(1, OPENAI_API_KEY="o1")])
    assert two.open("openai") == BOTH
    assert len(two.passing.slept) == 2
    assert "trying again: The unsealer cannot reach the API server" in two.said[0]
    assert len([line for line in two.said if "trying again" in line]) == 1


def test_nobody_at_the_address_is_waited_for_with_one_attempt_a_round(two: Injected) -> None:
    with serving(None) as gone:
        pass
    two.volume.service.port, port = gone.port, two.volume.service.port
    sealed = two.volume.sealed()
    two.volume.service.port = port
    with pytest.raises(UnavailableError, match="does not answer: Connection refused"):
        two.open("openai anthropic", sealed=sealed)
    assert 250 < sum(two.passing.slept) < 300
    assert len(two.said) == 1


def test_an_outage_of_one_does_not_keep_the_others_from_being_asked(two: Injected) -> None:
    two.answers(anthropic=AWAY)
    assert two.open() == OPENAI | {"anthropic.env": ""}
    assert two.volume.service.asked_for("openai") == 1
    assert "anthropic: not written: The unsealer cannot reach" in two.said[-1]


def test_an_outage_is_asked_about_once_a_round_however_many_wait_for_its_end(two: Injected) -> None:
    two.answers(openai=AWAY, anthropic=AWAY)
    with pytest.raises(UnavailableError):
        two.open()
    assert len(two.volume.service.questions) == len(two.passing.slept) + 1


def test_retry_after_is_kept_to(two: Injected) -> None:
    two.answers(anthropic=[refused(429, "TooManyRequests", "17"), opened(1, ANTHROPIC_API_KEY="a1")])
    assert two.open() == BOTH
    assert two.passing.slept == [17]


def test_an_envelope_sealed_anew_between_mount_and_opening_is_read_anew(two: Injected) -> None:
    two.answers(openai=[STALE, opened(2, OPENAI_API_KEY="o1")])
    two.passing.meanwhile = lambda: two.volume.mount(openai="llmkeysE1.newer.one")
    assert two.open("openai") == BOTH
    last = [question for question in two.volume.service.questions if question.body["credential"] == "openai"][-1]
    assert last.body["envelope"] == "llmkeysE1.newer.one"
    assert two.volume.service.asked_for("anthropic") == 1


def test_an_optional_one_that_stays_outdated_is_left_out_before_the_deadline(two: Injected) -> None:
    two.answers(anthropic=STALE)
    assert two.open("openai") == OPENAI | {"anthropic.env": ""}
    assert OUTDATED_SECONDS - 10 < sum(two.passing.slept) < OUTDATED_SECONDS


def test_a_required_one_that_stays_outdated_is_tried_until_the_deadline(two: Injected) -> None:
    two.answers(openai=STALE)
    with pytest.raises(EnvelopeOutdatedError, match=r"^openai: "):
        two.open("openai")
    assert 290 < sum(two.passing.slept) < 300


def test_a_token_that_is_not_accepted_ends_it_after_one_question(two: Injected) -> None:
    two.volume.service.answers_for.clear()
    two.volume.service.answers = [refused(401, "TokenInvalid")]
    with pytest.raises(TokenRefusedError, match=r"^The token"):
        two.open()
    assert len(two.volume.service.questions) == 1


def test_with_nothing_mounted_it_waits_says_so_and_fails(pod: Injected) -> None:
    with pytest.raises(EnvelopeMissingError, match="There is no envelope in"):
        pod.open()
    assert 60 <= sum(pod.passing.slept) < 61
    (line,) = pod.said
    assert line.startswith("waiting: There is no envelope in")
    assert pod.volume.service.questions == []


def test_a_required_one_is_waited_for_though_others_are_mounted(two: Injected) -> None:
    two.volume.unmount("openai")
    two.passing.meanwhile = lambda: two.volume.mount("openai")
    assert two.open("openai") == BOTH
    two.volume.unmount("openai")
    two.passing.meanwhile = lambda: None
    with pytest.raises(EnvelopeMissingError, match=r"^openai: There is no envelope"):
        two.open("openai")


def test_an_optional_one_that_is_named_gets_an_empty_env_file_though_it_is_not_mounted(two: Injected) -> None:
    two.volume.unmount("anthropic")
    assert two.open(optional="anthropic openai") == OPENAI | {"anthropic.env": ""}
    assert two.volume.service.asked_for("anthropic") == 0
    assert two.passing.slept == []


def test_what_an_env_file_cannot_carry_is_only_a_file_and_a_line_says_so(two: Injected) -> None:
    values = {"QUOTED": "it's", "PATH": "/evil", "empty.json": "{}", "FINE": "1", "GONE": ""}
    two.answers(openai=opened(1, **values))
    assert two.open("openai") == {name: text for name, text in BOTH.items() if name.startswith("anthropic")} | {
        "openai.env": "FINE='1'\n",
        **{f"openai/{name}": value for name, value in values.items()},
    }
    assert "openai: QUOTED holds a single quote, which an env file cannot: it is only in the file QUOTED" in two.said
    assert "openai: PATH changes how programs start: it is only in the file PATH" in two.said
    assert not [line for line in two.said if "empty.json" in line and "only in" in line]
    assert "evil" not in two.text()


def test_a_name_that_is_no_files_leaves_out_an_optional_one_and_fails_a_required_one(two: Injected) -> None:
    two.answers(anthropic=opened(1, **{"../../etc/passwd": "x"}))
    assert two.open("openai") == OPENAI | {"anthropic.env": ""}
    with pytest.raises(NotExpressibleError, match=r"^anthropic: "):
        two.open("anthropic")


def test_a_volume_that_is_full_ends_it_and_leaves_nothing_half_written(two: Injected, tiny: Path) -> None:
    two.out = tiny
    two.answers(anthropic=opened(1, ANTHROPIC_API_KEY="a" * 200_000))
    with pytest.raises(OutputFullError, match="sizeLimit"):
        two.open()
    assert shown(two.out) == {}


def test_a_folder_that_cannot_be_written_ends_it(two: Injected) -> None:
    two.out.write_text("a file")
    with pytest.raises(OutputFailedError):
        two.open()


def test_nothing_that_is_said_holds_a_value(two: Injected) -> None:
    two.answers(openai=opened(1, KEY=CANARY, QUOTED=f"'{CANARY}"), anthropic=DENIED)
    two.open()
    assert "wrote KEY, QUOTED (delivery 1)" in two.text()
    assert CANARY not in two.text()


# -- readiness ---------------------------------------------------------------------------------------------------------


def test_it_is_ready_once_each_has_its_env_file_be_it_empty(two: Injected) -> None:
    wanted = Wanted(("openai",), ("later",))
    assert not is_ready(two.volume.sealed(), wanted, two.out)
    two.answers(anthropic=DENIED)
    two.open("openai", "later")
    assert is_ready(two.volume.sealed(), wanted, two.out)
    (two.out / "openai.env").unlink()
    assert not is_ready(two.volume.sealed(), wanted, two.out)


def test_without_anything_mounted_it_is_not_ready(pod: Injected) -> None:
    assert not is_ready(pod.volume.sealed(), Wanted(), pod.out)


# -- following ---------------------------------------------------------------------------------------------------------


def test_each_is_written_anew_when_its_envelope_changes_and_no_other_is_asked_for(two: Injected) -> None:
    two.open("openai")
    two.answers(openai=opened(2, OPENAI_API_KEY="o2"))
    two.volume.mount(openai="llmkeysE1.newer.one")
    changed = two.pass_by(1)
    assert changed == BOTH | {"openai.env": "OPENAI_API_KEY='o2'\n", "openai/OPENAI_API_KEY": "o2"}
    assert two.volume.service.asked_for("anthropic") == 1


def test_a_token_that_the_kubelet_renews_opens_nothing_again(two: Injected) -> None:
    two.open()
    two.volume.token = "a.newer.token"
    two.volume.swap()
    two.pass_by(10)
    assert len(two.volume.service.questions) == 2


def test_an_optional_envelope_may_appear_later(two: Injected) -> None:
    two.volume.unmount("anthropic")
    two.open("openai", "anthropic")
    two.pass_by(100)
    assert two.volume.service.asked_for("anthropic") == 0
    two.volume.mount("anthropic", "another")
    assert two.pass_by(1).keys() == BOTH.keys() | {"another.env", "another/OPENAI_API_KEY"}


def test_an_optional_one_that_was_denied_is_written_once_it_may_be(two: Injected) -> None:
    two.answers(anthropic=[DENIED])
    two.open("openai")
    two.pass_by(100)
    said = list(two.said)
    assert len([line for line in said if line.startswith("anthropic")]) == 1
    two.answers(anthropic=opened(1, ANTHROPIC_API_KEY="a1"))
    assert two.pass_by(61) == BOTH


def test_the_end_of_access_to_an_optional_one_takes_its_values_away_and_nothing_else(two: Injected) -> None:
    two.open("openai")
    two.answers(anthropic=WITHDRAWN)
    assert two.pass_by(301) == OPENAI | {"anthropic.env": ""}
    assert 'anthropic: not written: LLMCredential "anthropic" is withdrawn' in two.said[-1]
    two.answers(anthropic=opened(3, ANTHROPIC_API_KEY="a3"))
    assert two.pass_by(61)["anthropic.env"] == "ANTHROPIC_API_KEY='a3'\n"


def test_an_optional_envelope_that_is_unmounted_is_asked_about_and_its_values_go(two: Injected) -> None:
    two.open()
    two.answers(anthropic=refused(403, "Disabled"))
    two.volume.unmount("anthropic")
    assert two.pass_by(1) == OPENAI | {"anthropic.env": ""}


def test_the_end_of_access_to_a_required_one_takes_it_away_serves_the_others_and_fails(two: Injected) -> None:
    two.open("openai")
    two.answers(openai=WITHDRAWN, anthropic=opened(2, ANTHROPIC_API_KEY="a2"))
    two.volume.mount(openai="llmkeysE1.one.more", anthropic="llmkeysE1.newer.one")
    with pytest.raises(WithdrawnError, match=r"^openai: "):
        two.pass_by(1)
    assert shown(two.out) == {"anthropic.env": "ANTHROPIC_API_KEY='a2'\n", "anthropic/ANTHROPIC_API_KEY": "a2"}


def test_started_again_without_a_required_one_it_still_serves_the_others(two: Injected) -> None:
    two.open("openai")
    two.answers(openai=WITHDRAWN, anthropic=opened(2, ANTHROPIC_API_KEY="a2"))
    with pytest.raises(WithdrawnError, match=r"^openai: "):
        two.given("openai").follow()
    assert shown(two.out) == {"anthropic.env": "ANTHROPIC_API_KEY='a2'\n", "anthropic/ANTHROPIC_API_KEY": "a2"}
    assert not is_ready(two.volume.sealed(), Wanted(("openai",)), two.out)


def test_started_again_in_an_outage_it_leaves_what_there_is(two: Injected) -> None:
    two.open("openai")
    two.answers(openai=AWAY, anthropic=AWAY)
    with pytest.raises(UnavailableError):
        two.open("openai")
    assert shown(two.out) == BOTH


def test_an_outage_leaves_everything_and_is_said_once_for_each(two: Injected) -> None:
    two.open()
    two.answers(openai=AWAY, anthropic=AWAY)
    assert two.pass_by(1000) == BOTH
    assert len([line for line in two.said if "what was written stays" in line]) == 2


def test_keep_leaves_the_values_of_a_required_one_and_goes_on(two: Injected) -> None:
    two.open("openai", keep=True)
    two.answers(openai=WITHDRAWN, anthropic=DENIED)
    assert two.pass_by(301) == BOTH


def test_an_optional_delivery_that_cannot_be_written_is_left_out_while_the_rest_goes_on(two: Injected) -> None:
    two.open("openai")
    two.answers(anthropic=opened(2, **{"..": "x"}), openai=opened(2, OPENAI_API_KEY="o2"))
    two.volume.mount(anthropic="llmkeysE1.newer.one", openai="llmkeysE1.newer.one")
    assert two.pass_by(2)["openai.env"] == "OPENAI_API_KEY='o2'\n"
    assert "anthropic: what was written stays: A name in the envelope" in two.text()


def test_no_connection_is_held_while_nothing_is_asked(two: Injected, service: Service) -> None:
    two.open()
    eventually(lambda: service.open_connections == 0, timeout=10)
    two.pass_by(301)
    eventually(lambda: service.open_connections == 0, timeout=10)

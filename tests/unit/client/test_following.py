import os
from pathlib import Path

import pytest

from llmkeys.client.errors import DeniedError, EnvelopeMissingError, UnavailableError, WithdrawnError
from llmkeys.client.following import Follower
from llmkeys.client.opening import Limits
from llmkeys.client.output import Form, output
from llmkeys.crypto.content import encode_content
from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.recipients import seal_to_recipients
from tests.unit.client.unsealing import ENVELOPE, Answer, Passing, Pod, opened, refused

WITHDRAWN = refused(403, "Withdrawn")


class Following:
    """A follower past its first opening, and what it says and shows."""

    def __init__(self, pod: Pod, passing: Passing, path: Path, *, keep: bool = False) -> None:
        self.said: list[str] = []
        self.pod, self.passing, self.path = pod, passing, path
        place = output(Form.ENV, path, 0o440)
        limits = Limits(0, 0)
        self.follower = Follower(
            pod.settings, place, limits, self.said.append, renew=300, keep=keep, clock=passing.clock
        )

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.passing.sleep(1)
            self.follower.look()

    @property
    def asked(self) -> int:
        return len(self.pod.service.questions)

    @property
    def shown(self) -> str | None:
        return self.path.read_text() if self.path.exists() else None


@pytest.fixture
def following(pod: Pod, passing: Passing, tmp_path: Path) -> Following:
    pod.service.answers = [opened(1, A="1")]
    found = Following(pod, passing, tmp_path / "out")
    found.follower.start()
    assert found.shown == "A='1'\n"
    return found


def test_nobody_is_asked_while_nothing_changes(following: Following) -> None:
    following.pass_by(200)
    assert following.asked == 1


def test_another_envelope_is_opened_within_a_look(following: Following, pod: Pod) -> None:
    pod.service.answers = [opened(2, A="2")]
    pod.mount("llmkeysE1.another.one")
    following.pass_by(1)
    assert following.shown == "A='2'\n"
    assert pod.service.questions[-1].body["envelope"] == "llmkeysE1.another.one"


def test_the_swap_of_a_link_is_noticed_though_time_and_size_are_the_same(
    pod: Pod, passing: Passing, tmp_path: Path
) -> None:
    for folder, text in (("one", ENVELOPE), ("two", ENVELOPE[:-1] + "X")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "envelope").write_text(text)
        os.utime(tmp_path / folder / "envelope", (1, 1))
    link = tmp_path / "..data"
    link.symlink_to("one")
    following = Following(pod.but(envelope=link / "envelope"), passing, tmp_path / "out")
    following.follower.start()
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(link)
    following.pass_by(1)
    assert following.asked == 2


def test_the_same_envelope_in_another_file_is_not_opened_again(following: Following, pod: Pod) -> None:
    pod.mount(ENVELOPE + "\n")
    following.pass_by(10)
    assert following.asked == 1


def test_it_is_asked_again_before_the_answer_is_old(following: Following) -> None:
    following.pass_by(301)
    assert following.asked == 2


def test_an_equal_answer_is_not_written_again(following: Following, pod: Pod) -> None:
    before = following.path.stat().st_ino
    pod.mount("llmkeysE1.sealed.anew")
    following.pass_by(1)
    assert following.asked == 2
    assert following.path.stat().st_ino == before


def test_what_somebody_took_away_is_written_again(following: Following) -> None:
    following.path.unlink()
    following.pass_by(301)
    assert following.shown == "A='1'\n"


@pytest.mark.parametrize(
    "answer",
    [
        refused(503, "Unavailable"),
        Answer(200, b"nonsense"),
        refused(401, "TokenInvalid"),
        refused(403, "StaleEnvelope"),
        refused(422, "DecryptFailed"),
    ],
    ids=["outage", "nonsense", "token", "stale", "damaged"],
)
def test_an_answer_that_says_nothing_about_access_leaves_the_last_values(
    following: Following, pod: Pod, answer: Answer
) -> None:
    pod.service.answers = [answer]
    following.pass_by(1000)
    assert following.shown == "A='1'\n"
    assert len(following.said) == 2
    assert 10 < following.asked < 40
    pod.service.answers = [opened(2, A="2")]
    following.pass_by(60)
    assert following.shown == "A='2'\n"


def test_another_envelope_is_opened_at_once_during_an_outage_too(following: Following, pod: Pod) -> None:
    pod.service.answers = [refused(503, "Unavailable")]
    following.pass_by(900)
    asked = following.asked
    pod.mount("llmkeysE1.another.one")
    following.pass_by(1)
    assert following.asked == asked + 1


def test_it_is_not_asked_before_retry_after_whatever_is_mounted(following: Following, pod: Pod) -> None:
    pod.service.answers = [refused(429, "TooManyRequests", "100"), opened(2, A="2")]
    pod.mount("llmkeysE1.another.one")
    following.pass_by(1)
    pod.mount("llmkeysE1.yet.another")
    following.pass_by(99)
    assert following.asked == 2
    following.pass_by(1)
    assert following.shown == "A='2'\n"


def test_the_end_of_access_takes_the_values_away(following: Following, pod: Pod) -> None:
    pod.service.answers = [WITHDRAWN]
    with pytest.raises(WithdrawnError):
        following.pass_by(301)
    assert following.shown is None


def test_keep_leaves_them_and_goes_on_asking(pod: Pod, passing: Passing, tmp_path: Path) -> None:
    following = Following(pod, passing, tmp_path / "out", keep=True)
    pod.service.answers = [opened(1, A="1"), refused(403, "Denied")]
    following.follower.start()
    following.pass_by(302)
    assert following.shown == "A='1'\n"
    pod.service.answers = [opened(2, A="2")]
    following.pass_by(60)
    assert following.shown == "A='2'\n"


def test_an_envelope_that_is_no_longer_mounted_is_shown_again_to_learn_why(following: Following, pod: Pod) -> None:
    pod.service.answers = [WITHDRAWN]
    pod.settings.envelope.unlink()
    with pytest.raises(WithdrawnError):
        following.pass_by(1)
    assert pod.service.questions[-1].body["envelope"] == ENVELOPE
    assert following.shown is None


def test_a_mount_that_is_away_for_a_moment_takes_nothing_away(following: Following, pod: Pod) -> None:
    pod.settings.envelope.unlink()
    following.pass_by(10)
    assert following.asked == 2
    assert following.shown == "A='1'\n"


def test_a_restart_after_access_has_ended_takes_away_what_was_left(following: Following, pod: Pod) -> None:
    pod.service.answers = [refused(403, "Denied")]
    again = Following(pod, following.passing, following.path)
    with pytest.raises(DeniedError):
        again.follower.start()
    assert following.shown is None


def test_a_restart_with_nothing_mounted_takes_away_what_was_left(following: Following, pod: Pod) -> None:
    pod.settings.envelope.unlink()
    again = Following(pod, following.passing, following.path)
    with pytest.raises(EnvelopeMissingError):
        again.follower.start()
    assert following.shown is None


def test_a_restart_in_an_outage_leaves_what_there_is(following: Following, pod: Pod) -> None:
    pod.service.answers = [refused(503, "Unavailable")]
    again = Following(pod, following.passing, following.path)
    with pytest.raises(UnavailableError):
        again.follower.start()
    assert following.shown == "A='1'\n"


class Holder:
    """A recipient with a key, and deliveries to it."""

    def __init__(self, folder: Path) -> None:
        self.private = PrivateKey.generate()
        self.file = folder / "identity"
        self.file.write_text(self.private.reveal() + "\n")

    def delivery(self, sequence: int, value: str) -> str:
        binding = EnvelopeBinding("namespace-uid", "credential-uid", sequence)
        content = encode_content({"A": value.encode()})
        return seal_to_recipients([PrivateKey.generate().public, self.private.public], binding, content).decode()


def test_a_recipient_follows_alone_and_an_older_delivery_changes_nothing(
    pod: Pod, passing: Passing, tmp_path: Path
) -> None:
    holder = Holder(tmp_path)
    pod.mount(holder.delivery(5, "5"))
    following = Following(pod.but(identity=holder.file, unsealer=""), passing, tmp_path / "out")
    following.follower.start()
    pod.mount(holder.delivery(6, "6"))
    following.pass_by(1)
    assert following.shown == "A='6'\n"
    pod.mount(holder.delivery(5, "5"))
    following.pass_by(1)
    assert following.shown == "A='6'\n"
    assert "older" in following.said[-1]
    pod.settings.envelope.unlink()
    with pytest.raises(WithdrawnError):
        following.pass_by(1)
    assert following.shown is None
    assert following.asked == 0

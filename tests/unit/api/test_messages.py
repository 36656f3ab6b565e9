import re

import pytest

from llmkeys.api.messages import message_of
from llmkeys.api.reasons import Reason

# What the engine knows when it speaks: of the manifest and its provider always, of a source where one is named.
ALWAYS = {"provider": "prod", "namespace": "team", "name": "chat", "target": "chat", "key": "primary", "detail": ""} | {
    "config_map": "llmkeys-models-prod"
}
OF_ENDPOINT = {"title": "OpenAI", "host": "https://api.openai.com", "probe_url": "https://api.openai.com/v1/models"}
OF_LOOK = {"status": "404", "skipped": "", "trimmed": ""}
OF_SOURCE = {"secret": "raw", "field": "OPENAI_API_KEY", "source": "Secret raw"}
CONSOLE = {"console": "https://platform.openai.com/api-keys"}
SEALED_FOR_ANOTHER = {
    Reason.SEALED_FOR_OTHER_SCOPE,
    Reason.SEALED_FOR_OTHER_HOST,
    Reason.SEALED_FOR_OTHER_DELIVERY,
}
DETAILED = {Reason.UNKNOWN_TYPE, Reason.DATA_INVALID, Reason.CONTESTED, Reason.KEY_RETIRED, *SEALED_FOR_ANOTHER}
EVERYTHING = ALWAYS | OF_ENDPOINT | OF_LOOK | OF_SOURCE | CONSOLE
WITHOUT_SOURCE = ALWAYS | OF_ENDPOINT | OF_LOOK
BEFORE_ENDPOINT = ALWAYS | {"detail": "Set spec.baseURL."}

NEEDS_SOURCE = {
    Reason.SOURCE_NOT_FOUND,
    Reason.SOURCE_NOT_ALLOWED,
    Reason.SOURCE_FIELD_MISSING,
    Reason.DECRYPT_FAILED,
    Reason.KEY_RETIRED,
    *SEALED_FOR_ANOTHER,
}
FOUND_WITHOUT_ENDPOINT = {
    Reason.PROVIDER_NOT_FOUND,
    Reason.UNKNOWN_TYPE,
    Reason.BAD_ENDPOINT,
    Reason.DISABLED,
    Reason.NAMESPACE_NOT_ALLOWED,
    Reason.PROVIDER_DISABLED,
    Reason.DATA_INVALID,
    Reason.AWAITING_KEY,
    Reason.WITHDRAWN,
    Reason.TARGET_CONFLICT,
    Reason.SYNCED,
    Reason.KEPT_LAST_GOOD,
    Reason.CONTESTED,
}
A_TIME = re.compile(r"\d{1,2}:\d{2}|\d{4}-\d{2}|\d+ ?(s|seconds?|minutes?|hours?|days?)\b")


def filled(text: str) -> bool:
    return not set("{}?") & set(text)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_whole_sentence(reason: Reason) -> None:
    detail = "It is so." if reason in DETAILED else ""
    text = message_of(reason, EVERYTHING | {"detail": detail})
    assert filled(text)
    # A sentence ends in a full stop, or in a command that can be copied.
    assert (
        reason is Reason.NOT_APPLICABLE
        or text.endswith(".")
        or text.rsplit(": ", 1)[-1].startswith(("kubectl ", "llmkeys "))
    )


@pytest.mark.parametrize("reason", Reason)
def test_no_sentence_holds_a_time(reason: Reason) -> None:
    assert not A_TIME.search(message_of(reason, EVERYTHING))


@pytest.mark.parametrize("reason", sorted(set(Reason) - NEEDS_SOURCE))
def test_a_key_without_a_source_leaves_no_gap(reason: Reason) -> None:
    assert filled(message_of(reason, WITHOUT_SOURCE))


@pytest.mark.parametrize("reason", sorted(FOUND_WITHOUT_ENDPOINT))
def test_a_cause_found_before_there_is_an_endpoint_leaves_no_gap(reason: Reason) -> None:
    assert filled(message_of(reason, BEFORE_ENDPOINT))


def test_a_bad_manifest_is_told_in_its_own_words() -> None:
    text = message_of(Reason.BAD_ENDPOINT, BEFORE_ENDPOINT)
    assert text == "LLMProvider prod cannot be used. Set spec.baseURL."


def test_a_sentence_says_which_keys_were_passed_over_and_what_was_trimmed() -> None:
    values = EVERYTHING | {"skipped": "primary (Rejected)", "trimmed": "yes", "key": "backup"}
    text = message_of(Reason.VERIFIED, values)
    assert "Passed over: primary (Rejected)." in text
    assert "White space" in text


def test_a_sentence_that_names_no_key_has_no_notes_on_keys() -> None:
    values = EVERYTHING | {"skipped": "primary (Rejected)", "trimmed": "yes"}
    assert message_of(Reason.SYNCED, values) == "Secret chat holds the key."


@pytest.mark.parametrize("name", ["title", "key", "host", "detail", "skipped"])
def test_braces_in_a_value_are_text(name: str) -> None:
    values = EVERYTHING | {name: "{secret!r} {0} {"}
    for reason in Reason:
        message_of(reason, values)

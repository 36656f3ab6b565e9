import json

import msgspec
import pytest

from llmkeys.catalogue.loader import load
from llmkeys.explain.page import Language, page_of
from llmkeys.explain.page_text import HEADS, PageText, rows_of
from llmkeys.explain.words import COST, EVIDENCE, LABELS, PROVES, PROVES_SHORT

CATALOGUE = load()
EVERY = pytest.mark.parametrize("kind", sorted(CATALOGUE.providers))


@EVERY
def test_every_provider_has_a_page_in_both_languages(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    for language in ("en", "zh"):
        page = page_of(entry, language)
        facts = list(PageText(page, language).facts())
        assert facts[0] == (page.name, "")
        assert all(text for _, text in facts[1:])
        assert json.loads(msgspec.json.encode(page))["type"] == kind


@EVERY
def test_a_page_says_what_its_probe_proves_and_how_sure_we_are(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    facts = dict(PageText(page_of(entry), "en").facts())
    assert facts["what it proves"] == PROVES[entry.probe.authenticated].en
    assert facts["how sure we are"].startswith(f"{entry.probe.ev}: ")


@EVERY
def test_a_page_says_where_requests_go(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    text = "\n".join(line for _, line in PageText(page_of(entry), "en").facts())
    assert all(one.url in text for one in entry.endpoints)
    assert entry.endpoints or "spec.baseURL" in text


def test_a_closed_service_says_so() -> None:
    page = page_of(CATALOGUE.find("github-models"))
    assert page.lifecycle is not None
    assert (page.lifecycle.state, page.lifecycle.since) == ("closed", "2026-07-30")
    assert dict(PageText(page, "en").facts())["lifecycle"] == "closed, 2026-07-30"


def test_what_is_not_translated_stays_in_english() -> None:
    entry = CATALOGUE.find("zhipu")
    assert page_of(entry, "zh").name.startswith("智谱")
    only = msgspec.structs.replace(entry, names=msgspec.structs.replace(entry.names, zh=""))
    assert page_of(only, "zh").name == entry.names.en


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_has_a_row_for_each_type(language: Language) -> None:
    rows = rows_of(CATALOGUE.providers.values(), language)
    assert [row[0] for row in rows] == list(CATALOGUE.providers)
    assert {len(row) for row in rows} == {len(HEADS)}


def test_every_word_is_there_in_both_languages() -> None:
    for table in (COST, EVIDENCE, LABELS, PROVES, PROVES_SHORT):
        assert all(text.en and text.zh for text in table.values())

"""The next page of a list: parameters of ours, whatever the reply asks for."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.calls import Pagination
from llmkeys.probe.models_pages import Query, first_page, next_page
from llmkeys.probe.reply import Reply

URL = "https://api.test/v1/models"
CURSOR = Pagination(style="cursor", param="after_id", value="last_id", more="has_more", size_param="limit", size=1000)
TOKEN = Pagination(style="cursor", param="pageToken", value="nextPageToken")
NEXT = Pagination(style="next_url", value="next")
LINK = Pagination(style="link")


def following(pagination: Pagination | None, document: Any, **headers: str) -> Query | None:
    return next_page(pagination, Reply(200, headers), document, URL)


def test_the_first_page_is_asked_for_in_the_size_that_the_provider_allows() -> None:
    assert first_page(CURSOR) == (("limit", "1000"),)
    assert first_page(TOKEN) == first_page(None) == ()


@pytest.mark.parametrize(
    ("pagination", "document", "query"),
    [
        (None, {"next": URL + "?cursor=a"}, None),
        (CURSOR, {"has_more": True, "last_id": "m"}, (("limit", "1000"), ("after_id", "m"))),
        (CURSOR, {"has_more": False, "last_id": "m"}, None),
        (CURSOR, {"has_more": "true", "last_id": "m"}, None),
        (CURSOR, {"has_more": True}, None),
        (CURSOR, {"has_more": True, "last_id": ["m"]}, None),
        (CURSOR, {"has_more": True, "last_id": "m" * 3000}, None),
        (CURSOR, {"has_more": True, "last_id": "m\r\nX: y"}, None),
        (TOKEN, {"nextPageToken": "t"}, (("pageToken", "t"),)),
        (TOKEN, {"nextPageToken": ""}, None),
        (TOKEN, {}, None),
        (NEXT, {"next": URL + "?cursor=a&x=1"}, (("cursor", "a"), ("x", "1"))),
        (NEXT, {"next": "/v1/models?cursor=a"}, (("cursor", "a"),)),
        (NEXT, {"next": None}, None),
        (NEXT, {"next": URL}, None),
    ],
)
def test_the_next_page_is_a_set_of_parameters(pagination: Pagination, document: Any, query: Query | None) -> None:
    assert following(pagination, document) == query


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/v1/models?cursor=a",
        "http://api.test/v1/models?cursor=a",
        "https://api.test:8443/v1/models?cursor=a",
        "https://api.test@evil.test/v1/models?cursor=a",
        "https://api.test/v1/other?cursor=a",
        "//evil.test/v1/models?cursor=a",
        "https://[::1/v1/models?cursor=a",
        "file:///etc/passwd?cursor=a",
        URL + "?" + "&".join(f"p{number}=1" for number in range(40)),
    ],
)
def test_no_reply_leads_to_another_place(url: str) -> None:
    assert following(NEXT, {"next": url}) is None
    assert following(LINK, {}, link=f'<{url}>; rel="next"') is None


def test_a_link_header_names_the_next_page() -> None:
    header = f'<{URL}?cursor=p>; rel="prev", <{URL}?cursor=n>; rel="next"'
    assert following(LINK, {}, link=header) == (("cursor", "n"),)
    assert following(LINK, {}) is None


@given(text=st.text(max_size=60), style=st.sampled_from([CURSOR, TOKEN, NEXT, LINK]))
def test_a_hostile_reply_asks_for_no_more_than_a_page_here(text: str, style: Pagination) -> None:
    document = {"has_more": True, "last_id": text, "nextPageToken": text, "next": text}
    query = following(style, json.loads(json.dumps(document)), link=text)
    assert query is None or "\n" not in urlencode(query)

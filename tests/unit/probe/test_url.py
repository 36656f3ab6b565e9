import contextlib
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmkeys.probe.url import BadEndpointError, Origin, origin_of, other_form, resolve_base

CHAT = "chat/completions"
KNOWN = ("chat/completions", "embeddings", "models")
REFUSED = ""

# What a person writes for a type whose version is v1, and the chat URL that is called.
OURS = [
    (1, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
    (2, "https://api.openai.com/", "https://api.openai.com/chat/completions"),
    (3, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
    (4, "https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
    (5, "https://api.deepseek.com", "https://api.deepseek.com/v1/chat/completions"),
    (6, "https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
    (7, "https://open.bigmodel.cn/api/paas/v4/", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
    (8, "https://ark.cn-beijing.volces.com/api/v3", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
    (9, "https://ark.cn-beijing.volces.com/api/v3/", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
    (10, "https://qianfan.baidubce.com/v2", "https://qianfan.baidubce.com/v2/chat/completions"),
    (11, "https://qianfan.baidubce.com/v2/", "https://qianfan.baidubce.com/v2/chat/completions"),
    (
        12,
        "https://dashscope.aliyuncs.com/compatible-mode/v1/",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
    ),
    (13, "https://api.ppinfra.com/v3/openai", "https://api.ppinfra.com/v3/openai/chat/completions"),
    (14, "https://api.ppinfra.com/v3/openai/", "https://api.ppinfra.com/v3/openai/chat/completions"),
    (15, "https://x.example/v1/chat/completions", "https://x.example/v1/chat/completions"),
    (16, "https://x.example/v1/chat/completions#", "https://x.example/v1/chat/completions"),
    (17, "https://x.example/api/custom#", "https://x.example/api/custom"),
    (18, "https://x.example#", "https://x.example"),
    (19, "https://x.example/v2beta", "https://x.example/v2beta/chat/completions"),
    (20, "https://x.example/api/v1beta1", "https://x.example/api/v1beta1/chat/completions"),
    (
        21,
        "https://gateway.ai.cloudflare.com/v1/acc/gw/openai",
        "https://gateway.ai.cloudflare.com/v1/acc/gw/openai/chat/completions",
    ),
    (22, "http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
    (23, " https://api.openai.com ", "https://api.openai.com/v1/chat/completions"),
    (24, "https://x.example//", "https://x.example/chat/completions"),
    (25, "https://x.example/v1//", "https://x.example/v1/chat/completions"),
    (26, "https://vendor.example/vendor", "https://vendor.example/vendor/v1/chat/completions"),
    (27, "https://x.example/#", "https://x.example/"),
    (28, "https://x.example/v1?key=abc", REFUSED),
    (29, "https://api.perplexity.ai", "https://api.perplexity.ai/v1/chat/completions"),
    (30, "localhost:8080", REFUSED),
    (31, "", REFUSED),
]


@pytest.mark.parametrize(
    ("written", "path", "url"),
    [
        ("https://x.example/v1", "", "https://x.example/v1"),
        ("https://x.example/v1", "models", "https://x.example/v1/models"),
        ("https://x.example/v1", "/models", "https://x.example/v1/models"),
        ("https://x.example/v1internal", ":load", "https://x.example/v1internal:load"),
        # Else what follows the host would be read as a port.
        ("https://x.example/", ":load", "https://x.example/:load"),
        ("https://x.example/v1#", ":load", "https://x.example/v1"),
    ],
)
def test_a_path_is_put_behind_the_base(written: str, path: str, url: str) -> None:
    assert resolve_base(written, "", KNOWN).join(path) == url


def test_what_is_left_of_a_pasted_endpoint_ends_in_no_slash() -> None:
    assert resolve_base("https://x.example/v1//chat/completions", "v1", KNOWN).base == "https://x.example/v1"


@pytest.mark.parametrize(("row", "written", "ours"), OURS, ids=[str(row) for row, *_ in OURS])
def test_a_base_url_becomes_the_chat_url_of_its_row(row: int, written: str, ours: str) -> None:
    if ours == REFUSED:
        with pytest.raises(BadEndpointError):
            resolve_base(written, "v1", KNOWN)
        return
    assert resolve_base(written, "v1", KNOWN).join(CHAT) == ours, row


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("   ", "empty"),
        ("#", "empty"),
        ("https://user@x.example", "user information"),
        ("https://user:canary@x.example", "user information"),
        ("https://@x.example", "user information"),
        ("https://x.example?", "query"),
        ("https://x.example/v1?key=canary", "query"),
        ("https://x.example/a#b", "'#'"),
        ("https://x.example/a##", "'#'"),
        ("ftp://x.example", "scheme"),
        ("//x.example", "scheme"),
        ("https:/x.example", "scheme"),
        ("https:x.example", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("https://", "host"),
        ("https:///v1", "host"),
        ("https://.", "host"),
        ("https://。", "name|host"),
        ("https://x.example:0", "port"),
        ("https://x.example:65536", "parsed"),
        ("https://x.example:abc", "parsed"),
        ("https://[::1", "parsed"),
        ("https://x.example/a b", "white space"),
        ("https://x.example/a\u3000b", "white space"),
        ("https://x.example/a\x01b", "control character"),
        ("https://x.example/a\x7fb", "control character"),
        ("https://x.example/\r\nHost: y", "white space"),
        ("https://x.example\\@y.example", "backslash"),
        ("https://x..example", "name"),
        ("https://x¯y.example", "name"),
        ("https://x!y.example", "name"),
        ("https://x%2f.example", "name"),
        ("https://" + "a" * 64 + ".example", "name"),
    ],
)
def test_what_cannot_be_called_is_refused_with_the_cause_and_without_repeating_it(written: str, word: str) -> None:
    with pytest.raises(BadEndpointError, match=word) as refused:
        resolve_base(written, "v1", KNOWN)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "origin", "text"),
    [
        ("https://API.Example.COM/v1", Origin("https", "api.example.com", 443), "https://api.example.com"),
        ("HTTPS://x.example", Origin("https", "x.example", 443), "https://x.example"),
        ("https://x.example.", Origin("https", "x.example", 443), "https://x.example"),
        ("https://x.example。", Origin("https", "x.example", 443), "https://x.example"),
        ("https://x.example:443", Origin("https", "x.example", 443), "https://x.example"),
        ("http://x.example:443", Origin("http", "x.example", 443), "http://x.example:443"),
        ("http://x.example", Origin("http", "x.example", 80), "http://x.example"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "https://xn--bcher-kva.example"),
        ("https://[2001:DB8:0:0::1]:8443", Origin("https", "2001:db8::1", 8443), "https://[2001:db8::1]:8443"),
        ("https://10.0.0.1", Origin("https", "10.0.0.1", 443), "https://10.0.0.1"),
    ],
)
def test_one_host_has_one_origin_however_it_is_written(written: str, origin: Origin, text: str) -> None:
    assert origin_of(written) == origin
    assert str(origin) == text


@pytest.mark.parametrize(
    ("written", "version", "root"),
    [
        ("https://x.example/v1", "v1", "https://x.example"),
        ("https://x.example", "v1", "https://x.example"),
        ("https://x.example/api/v1beta", "v1", "https://x.example/api"),
        ("https://x.example/v1/openai", "v1", "https://x.example/v1/openai"),
        ("https://x.example/v1/v1", "v1", "https://x.example"),
        ("https://x.example", "", "https://x.example"),
    ],
)
def test_the_root_is_the_base_without_the_version_at_its_end(written: str, version: str, root: str) -> None:
    assert resolve_base(written, version, KNOWN).root == root


@pytest.mark.parametrize("segment", ["v1", "V1", "v12", "v1alpha", "v1beta", "v1beta2"])
def test_a_version_anywhere_in_the_path_keeps_ours_away(segment: str) -> None:
    written = f"https://x.example/{segment}/team"
    assert resolve_base(written, "v1", KNOWN).base == written


@pytest.mark.parametrize("segment", ["v", "vendor", "version1", "v1x", "av1", "v1.1"])
def test_what_only_looks_like_a_version_is_none(segment: str) -> None:
    assert resolve_base(f"https://x.example/{segment}", "v1", KNOWN).base == f"https://x.example/{segment}/v1"


def test_a_type_without_versions_gets_none() -> None:
    assert resolve_base("https://x.example", "", KNOWN).base == "https://x.example"


URL_PARTS = st.sampled_from(
    [
        *("https://", "http://", "x.example", "/", "//", "v1", "chat/completions", "models", "..", ".", "xn--"),
        *("#", "?", "@", ":", "8080", "[", "]", "::1", "%", "%2f", " ", "\\", "\n", "\0"),
        *("é", "。", "\u2100", "\u200b", "\ud800"),
    ]
)
TEXTS = st.text(max_size=40) | st.lists(URL_PARTS, max_size=8).map("".join)
WRITTEN = TEXTS | TEXTS.map(lambda text: f"https://x.example{text}") | TEXTS.map(lambda text: f"https://{text}")


@given(WRITTEN, st.sampled_from(["", "v1", "v1beta"]))
@example("https://x.example/\ud800", "v1")
@example("https://[::1%25eth0]", "v1")
@example("https://x.example:٣", "v1")
@example("https://℀.example", "v1")
def test_any_text_is_a_clean_url_or_a_bad_endpoint(written: str, version: str) -> None:
    with contextlib.suppress(BadEndpointError):
        base = resolve_base(written, version, KNOWN)
        for url in (base.base, base.root, base.join(CHAT), base.join("models")):
            parts = urlsplit(url)
            assert parts.scheme in ("https", "http")
            assert parts.hostname == base.origin.host.partition("%")[0] or parts.hostname == base.origin.host
            assert (parts.port or {"https": 443, "http": 80}[parts.scheme]) == base.origin.port
            assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
            assert not any(ch.isspace() for ch in url)
            assert origin_of(url) == base.origin


@given(WRITTEN)
def test_a_resolved_base_followed_by_a_slash_resolves_to_itself(written: str) -> None:
    with contextlib.suppress(BadEndpointError):
        base = resolve_base(written, "v1", KNOWN)
        if not base.exact and not any(base.base.endswith(f"/{known}") for known in KNOWN):
            assert resolve_base(base.base + "/", "v1", KNOWN) == base


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("https://x.example", "https://x.example/"),
        ("https://x.example/", "https://x.example/v1"),
        ("https://x.example/v1", "https://x.example/"),
        ("https://x.example/v1/chat/completions", "https://x.example/"),
        ("https://x.example/api/paas/v4/v1", "https://x.example/api/paas/v4/"),
        ("https://x.example/v1/team", "https://x.example/v1/team/v1"),
        ("https://x.example/api/custom#", ""),
    ],
)
def test_the_other_form_is_the_one_with_or_without_the_version(written: str, other: str) -> None:
    assert other_form(resolve_base(written, "v1", KNOWN), "v1") == other


def test_a_type_without_versions_has_no_other_form() -> None:
    assert other_form(resolve_base("https://x.example", "", KNOWN), "") == ""


@given(WRITTEN)
def test_writing_the_other_form_has_it_used(written: str) -> None:
    with contextlib.suppress(BadEndpointError):
        base = resolve_base(written, "v1", KNOWN)
        other = other_form(base, "v1")
        if other and not any(other.rstrip("/").endswith(f"/{known}") for known in KNOWN):
            assert resolve_base(other, "v1", KNOWN).base == other.rstrip("/")
            assert resolve_base(other, "v1", KNOWN).origin == base.origin
            assert other.rstrip("/") != base.base

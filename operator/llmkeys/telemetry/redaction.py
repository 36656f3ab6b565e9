"""Masks whatever looks like a key in a text that is about to leave the process.

This is the second line: secrets are of a type that cannot print itself. It is here for what we did not write, such as
exceptions of libraries, the API server's messages and tracebacks, and so it would rather mask too much.
"""

import base64
import re
from collections.abc import Callable, Iterable
from typing import Final

MASK: Final = "***"

# Beginnings of keys, as the catalogue has them.
PREFIXES: Final = (
    "sk-ant-",
    "sk-proj-",
    "sk-svcacct-",
    "sk-admin-",
    "sk-or-v1-",
    "sk-sp-",
    "sk-ws-",
    "sk-kimi-",
    "sk-api-",
    "sk-cp-",
    "sk_",
    "sk-",
    "AIza",
    "AQ.",
    "ya29.",
    "GOCSPX-",
    "gsk_",
    "hf_",
    "api_org_",
    "r8_",
    "xai-",
    "pplx-",
    "nvapi-",
    "jina_",
    "pa-",
    "al-",
    "csk-",
    "fw_",
    "fpk_",
    "tgp_v1_",
    "up_",
    "ms-",
    "nk-",
    "tp-",
    "avian-",
    "AKIA",
    "ASIA",
    "ABSK",
    "bedrock-api-key-",
    "AKID",
    "LTAI",
    "ALTAK",
    "bce-v3/",
    "github_pat_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "eyJ",
)

# They begin Kubernetes names as well (`ms-gateway-7d9f8b6c5d-x2x4z`): what follows must look random by itself.
_ALSO_NAMES: Final = frozenset({"pa-", "al-", "ms-", "nk-", "tp-", "up_", "avian-"})

_START: Final = r"(?<![A-Za-z0-9])"
_HEX_OR_UUID: Final = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32,}(?:\.[A-Za-z0-9]+)?"
_MIXED: Final = r"(?=[a-z0-9+/=._-]{0,200}[A-Z])(?=[A-Za-z+/=._-]{0,200}[0-9])[A-Za-z0-9+/=._-]{16,}"
_DENSE: Final = r"(?=[a-z]{0,200}[0-9])[a-z0-9]{20,}"
_RANDOM: Final = rf"(?:{_HEX_OR_UUID}|{_MIXED}|{_DENSE})"

_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@\"'<>]+@")
_QUERY_OF_URL: Final = re.compile(r"((?<=://)[^\s?#\"'<>]{1,512}\?)[^\s\"'<>#]+")
_PARAMETER: Final = re.compile(
    r"(?i)([?&][^=&\s\"'<>]{0,40}(?:key|token|secret|password|signature|sig|code|auth|credential)=)[^&\s\"'<>#]+"
)
_SCHEME: Final = re.compile(r"(?i)\b(Bearer|Basic)((?:\s|%20|\+)+)[^\s\"',;)}\]]+")
_NAMED: Final = re.compile(
    r"""(?ix)
    ( (?: authorization | (?:api|access|secret|auth|private|subscription|account)[-_ ]?(?:key|token)s? | x-goog-api-key
        | (?:refresh|id|bearer|session)[-_ ]?token | client[-_ ]?secret | secret[-_ ]?access[-_ ]?key
        | passw(?:or)?d | passphrase | cookie )
      \\? ["']? \s* [:=,] \s* (?:Secret\()? [bru]? \\? ["']? (?: (?:bearer|basic|token|key) \s+ )? )
    [^\s"'\\,;&)}\]]+
    """
)
_NEAR_WORD: Final = re.compile(
    r"((?i:key|token|secret|credential)s?[\"']?(?:[ \t]{1,2}[A-Za-z]{1,12}){0,2}[ \t:=,\"'(\[`]{1,6}+)" + _RANDOM
)
# Without any of these in it, no pattern above can match.
_TRIGGERS: Final = ("://", "?", "&", "bearer", "basic", "authoriz", "key", "token", "secret", "pass", "cred", "cookie")


class Redactor:
    """Masks keys. Built once, since it compiles one expression for all the prefixes.

    Args:
        prefixes: beginnings of keys, such as `sk-ant-`; case matters.

    """

    def __init__(self, prefixes: Iterable[str] = PREFIXES) -> None:
        known = sorted({form for prefix in prefixes for form in (prefix, prefix.replace("/", "%2F"))}, key=len)[::-1]
        self._triggers: Final = _shortest(word.lower() for word in (*_TRIGGERS, *known, *_encoded(known)))
        steps: tuple[tuple[re.Pattern[str], str], ...] = (
            (_USERINFO, f"{MASK}@"),
            (_QUERY_OF_URL, rf"\1{MASK}"),
            (_PARAMETER, rf"\1{MASK}"),
            (_SCHEME, rf"\1\2{MASK}"),
            (_NAMED, rf"\1{MASK}"),
            (_prefixed(known), rf"\g<head>{MASK}"),
            (_prefixed_encoded(known), MASK),
            (_NEAR_WORD, rf"\1{MASK}"),
        )
        self._steps: Final[tuple[tuple[Callable[[str, str], str], str], ...]] = tuple(
            (pattern.sub, replacement) for pattern, replacement in steps
        )

    def redact(self, text: str) -> str:
        """Give the text with every part that looks like a key replaced by `***`.

        Args:
            text: of any length; the time taken is linear in it.

        """
        lowered = text.lower()
        if not any(trigger in lowered for trigger in self._triggers):
            return text
        for substitute, replacement in self._steps:
            text = substitute(replacement, text)
        return text


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in words) or r"(?!)"


def _shortest(words: Iterable[str]) -> tuple[str, ...]:
    """Leave out the words that hold another one: where they occur, it does."""
    kept: list[str] = []
    for word in sorted(set(words), key=len):
        if not any(shorter in word for shorter in kept):
            kept.append(word)
    return tuple(kept)


def _prefixed(prefixes: list[str]) -> re.Pattern[str]:
    # A key is read on through the characters that base64 and the escapes of a URL may have put into it.
    sure = _any_of(prefix for prefix in prefixes if prefix not in _ALSO_NAMES)
    named = _any_of(prefix for prefix in prefixes if prefix in _ALSO_NAMES)
    return re.compile(
        rf"{_START}(?P<head>(?:{sure})(?=[A-Za-z0-9_.~+/=%-]{{8}})|(?:{named})(?={_RANDOM}))[A-Za-z0-9_.~+/=%-]+"
    )


def _encoded(prefixes: Iterable[str]) -> list[str]:
    """How the prefixes look at the start of a base64 or hex text; under three bytes they would look like anything."""
    found: list[str] = []
    for prefix in prefixes:
        raw = prefix.encode()
        if len(raw) >= 3:  # noqa: PLR2004 - the three bytes that make four whole characters of base64
            found += [base64.b64encode(raw)[: len(raw) * 8 // 6].decode(), raw.hex(), raw.hex().upper()]
    return found


def _prefixed_encoded(prefixes: list[str]) -> re.Pattern[str]:
    return re.compile(rf"{_START}(?:{_any_of(_encoded(prefixes))})[A-Za-z0-9+/_=-]{{8,}}")


redact: Final = Redactor().redact

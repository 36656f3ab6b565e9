"""Which values of a file say that nobody has put a key there yet."""

import re
from typing import Final

_WORDS: Final = frozenset(
    {
        *("", "backup", "dummy", "empty", "example", "none", "null", "placeholder", "xxx"),
        *("fixme", "tbd", "todo", "unset"),
        *("changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me"),
        *("key", "apikey", "api-key", "api_key", "sk-", "no-key", "not-needed", "sk-no-key-required"),
        *("密钥", "你的密钥", "你的api密钥", "请填写", "待填写"),
    }
)
_FORMS: Final = re.compile(
    r"""
      (?:[a-z]{2,8}[-_]){0,3} x{3,} (?:[-_.]x{2,})*         # xxxx, sk-xxxx, sk-ant-xxx, xxxx-xxxx
    | (?:[a-z]{2,8}[-_]){0,3} (?:\.{3,}|…|\*{3,})           # sk-..., ***
    | <[^<>]*> | \{\{[^{}]*\}\} | \[[a-z _-]*\]              # <your key>, {{ key }}, [key]
    | (?:[a-z]{2,8}-)? (?:your|insert|enter|replace|put|paste) [-_ ]?    # your-api-key, sk-your-key-here
      [a-z_ -]* (?:key|token|secret|password|here) [-_ a-z]{0,12}
    """,
    re.VERBOSE,
)
_MASKED: Final = re.compile(r"\*{4,}|•{4,}|…")


def is_placeholder(text: str) -> bool:
    """Whether a value counts as not set: it is empty, or one of the words that templates have in a key's place."""
    plain = text.strip().casefold()
    return plain in _WORDS or _FORMS.fullmatch(plain) is not None


def is_masked(text: str) -> bool:
    """Whether only the beginning and the end of a key are there, as products show it."""
    return not is_placeholder(text) and _MASKED.search(text) is not None

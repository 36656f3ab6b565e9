import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pytest

from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import Candidate, Material

CANARY = "sk-canary-93c1"


@dataclass(frozen=True)
class Holder:
    name: str
    secret: Secret


def logged(secret: Secret) -> str:
    stream = io.StringIO()
    logger = logging.Logger("test")  # noqa: LOG001  nobody else's handlers
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("%s %r %s", secret, secret, {"key": secret})
    return stream.getvalue()


def raised(secret: Secret) -> str:
    try:
        raise ValueError(secret)  # noqa: TRY301
    except ValueError as error:
        return "".join(traceback.format_exception(error)) + str(error) + repr(error.args)


TELLING: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "f-string": lambda secret: f"{secret} {secret!r} {secret:>40}",
    "format": lambda secret: str.format("{0} {0!r} {0!s:.9}", secret),
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "in a list": lambda secret: str([secret]),
    "in a dict": lambda secret: repr({"key": secret}),
    "in a dataclass": lambda secret: repr(Holder("one", secret)),
    "in a material": lambda secret: repr(Material((("apiKey", secret),))),
    "in a candidate": lambda secret: repr(Candidate("one", "one", Material((("apiKey", secret),)))),
    "logging": logged,
    "an exception": raised,
    "dir": lambda secret: str(dir(secret)),
    "doc": lambda secret: str(secret.__doc__),
}


@pytest.mark.parametrize("way", TELLING)
def test_a_secret_does_not_tell_itself(way: str) -> None:
    assert CANARY not in TELLING[way](Secret(CANARY))


@pytest.mark.parametrize(
    "taking",
    [
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(json.dumps, id="json"),
        pytest.param(msgspec.json.encode, id="msgspec"),
        pytest.param(iter, id="iter"),
        pytest.param(len, id="len"),
        pytest.param(vars, id="vars"),
        pytest.param(bytes, id="bytes"),
        pytest.param("".join, id="join"),
    ],
)
def test_a_secret_cannot_be_taken_apart_or_away(taking: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refused:
        taking(Secret(CANARY))
    assert CANARY not in str(refused.value)


def test_equal_secrets_are_not_equal() -> None:
    assert Secret(CANARY) != Secret(CANARY)
    assert Secret(CANARY) != CANARY  # type: ignore[comparison-overlap]


def test_a_secret_reveals_itself_when_asked() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_a_secret_takes_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Secret(CANARY).note = "x"  # type: ignore[attr-defined]

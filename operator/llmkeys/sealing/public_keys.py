"""The public keys that an operator shows, and those of them that a person's machine has come to trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import yaml

from llmkeys.crypto.errors import PublicKeyMalformedError
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.ring import State
from llmkeys.sealing.errors import PublicKeyChangedError, PublicKeysMalformedError

ACTIVE_ENTRY: Final = "sealing"
LIST_ENTRY: Final = "keys.json"
_LINE: Final = "llmkeys-public-"
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Listed(msgspec.Struct, frozen=True):
    id: str
    key: str
    state: State = State.ACTIVE
    created: str = ""


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One key of the operator.

    Args:
        key: its public half.
        state: what it is good for.
        created: RFC 3339, empty if not known.

    """

    key: PublicKey
    state: State
    created: str = ""


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The keys that still open, the active one first; there is always one.

    Raises:
        PublicKeysMalformedError: the first is not the only active one.

    """

    keys: tuple[PublishedKey, ...]

    def __post_init__(self) -> None:
        if [index for index, one in enumerate(self.keys) if one.state is State.ACTIVE] != [0]:
            raise PublicKeysMalformedError("Of the public keys the first must be active, and no other.")

    @property
    def active(self) -> PublicKey:
        """What values are sealed to."""
        return self.keys[0].key

    def state_of(self, key_id: str) -> State | None:
        """What a key is good for; None if it is not among them."""
        return next((one.state for one in self.keys if one.key.key_id == key_id), None)

    def listed(self) -> list[dict[str, str]]:
        """In the form of the ConfigMap's `keys.json`."""
        return [
            {"id": one.key.key_id, "state": one.state.value, "created": one.created, "key": one.key.text()}
            for one in self.keys
        ]


@dataclass(frozen=True, slots=True)
class Pin:
    """The keys of one cluster that were seen once, and are believed from then on.

    Args:
        server: of the cluster.
        keys: as they were shown.

    """

    server: str
    keys: PublicKeys

    def text(self) -> str:
        """What `parse` reads."""
        content = {"server": self.server, "keys": self.keys.listed()}
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pin that was kept.

        Raises:
            PublicKeysMalformedError: it is none.

        """
        content = _loaded(text)
        if not isinstance(content, dict):
            raise PublicKeysMalformedError("This is no pinned public key.")
        return cls(str(content.get("server", "")), _from_list(content.get("keys")))


def public_keys_from(data: Mapping[str, str]) -> PublicKeys:
    """The keys in the data of the ConfigMap.

    Raises:
        PublicKeysMalformedError: they are not as the operator writes them.

    """
    if ACTIVE_ENTRY not in data:
        raise PublicKeysMalformedError(f"The ConfigMap has no entry {ACTIVE_ENTRY}.")
    active = _parsed(data[ACTIVE_ENTRY])
    if LIST_ENTRY not in data:
        return PublicKeys((PublishedKey(active, State.ACTIVE),))
    keys = _from_list(_loaded(data[LIST_ENTRY]))
    if keys.active != active:
        raise PublicKeysMalformedError(f"The ConfigMap's entries {ACTIVE_ENTRY} and {LIST_ENTRY} name different keys.")
    return keys


def public_keys_in(text: str) -> PublicKeys:
    """The keys in a file: a public key's line, the list `keys.json`, the ConfigMap as kubectl prints it, or a pin.

    Raises:
        PublicKeysMalformedError: there are none.

    """
    if text.lstrip().startswith(_LINE):
        return PublicKeys((PublishedKey(_parsed(text), State.ACTIVE),))
    content = _loaded(text)
    if isinstance(content, dict) and isinstance(data := content.get("data"), dict):
        return public_keys_from({str(name): str(value) for name, value in data.items()})
    return _from_list(content.get("keys") if isinstance(content, dict) else content)


def require_known(pinned: PublicKeys | None, shown: PublicKeys, accepted: str | None) -> None:
    """Refuse an active key that is neither the one that was pinned nor the one that was accepted.

    Args:
        pinned: what was seen last; None at the first time, when whatever is shown is believed.
        shown: what is seen now.
        accepted: the id that a person gave.

    Raises:
        PublicKeyChangedError: it is another one; the text says what to do.

    """
    expected = accepted or (pinned.active.key_id if pinned else shown.active.key_id)
    # Ids are short enough for two keys of a kind to be made: without a person's word the whole key must be the same.
    same = bool(accepted) or pinned is None or pinned.active == shown.active
    if shown.active.key_id != expected or not same:
        raise PublicKeyChangedError(expected, shown.active.key_id)


def _loaded(text: str) -> Any:
    try:
        # CSafeLoader builds plain values only, as SafeLoader does.
        return yaml.load(text, Loader=_LOADER)  # noqa: S506
    except (yaml.YAMLError, RecursionError):
        raise PublicKeysMalformedError("This holds no public keys: it is no YAML or JSON.") from None


def _from_list(content: Any) -> PublicKeys:
    try:
        listed = msgspec.convert(content, tuple[_Listed, ...], strict=False)
    except msgspec.ValidationError:
        raise PublicKeysMalformedError("This holds no list of public keys, each with id, state and key.") from None
    keys = tuple(PublishedKey(_parsed(one.key), one.state, one.created) for one in listed)
    for one, key in zip(listed, keys, strict=True):
        if one.id != key.key.key_id:
            raise PublicKeysMalformedError(f"The public key {key.key.key_id} is listed under another id.")
    return PublicKeys(keys)


def _parsed(text: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except PublicKeyMalformedError as error:
        raise PublicKeysMalformedError(str(error)) from None

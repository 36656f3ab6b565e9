"""What other products call the fields of a credential, and which of a type's fields that is.

Most names are known from the catalogue: a field's own name in another spelling, or one of its variables. The table
holds the rest. A type that takes several kinds of credential is given the kind of which most is there.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.catalogue.credential import ConfigField, SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret

_JOINTS: Final = re.compile(r"[^a-z0-9]+")

_KEYS: Final = ("apiKey", "consoleApiKey", "legacyApiKey", "bearerToken")
_KEY_NAMES: Final = frozenset({"key", "token"})
_KEY_ENDINGS: Final = ("apikey", "apitoken", "authtoken", "accesstoken")
_URL_ENDINGS: Final = (
    "baseurl", "apibase", "apihost", "apiurl", "serverurl", "endpointurl", "apiendpoint", "endpointhost", "apibaseurl",
)  # fmt: skip

_THEIRS: Final[Mapping[str, tuple[str, ...]]] = {
    "sparkappid": ("appId",),
    "sparkapisecret": ("apiSecret",),
    "sparkapikey": ("apiKey", "consoleApiKey"),
    "yiyanak": ("legacyApiKey",),
    "yiyansk": ("secretKey",),
    "hunyuansid": ("secretId",),
    "hunyuansk": ("secretKey",),
    "tencentcloudsid": ("secretId",),
    "tencentcloudsk": ("secretKey",),
    "bedrockak": ("accessKeyId",),
    "bedrocksk": ("secretAccessKey",),
    "bedrockregion": ("region",),
    "awsregion": ("region",),
    "fishaudioak": _KEYS,
    "fishaudiorefid": ("referenceId",),
    "googleprojectid": ("project",),
    "googleregion": ("location",),
    "googleserviceaccountkey": ("serviceAccountJson",),
    "vertexproject": ("project",),
    "vertexprojectid": ("project",),
    "vertexlocation": ("location",),
    "vertexcredentials": ("serviceAccountJson",),
    "vertexserviceaccountkey": ("serviceAccountJson",),
    "openaiapiversion": ("apiVersion",),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an entry says, in the catalogue's words.

    Args:
        key: the type's main field, or what is called a key where the type is not known.
        fields: further secret fields; all of them where they are not the usual kind of credential.
        config: settings that are no secret.
        base_url: empty if there is none.
        unused: their names of what nothing of ours takes.

    """

    key: Secret | None = field(default=None, repr=False)
    fields: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    config: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    unused: tuple[str, ...] = ()

    @property
    def has_secret(self) -> bool:
        return self.key is not None or bool(self.fields)


def settings_of(values: Mapping[str, str], entry: Provider | None) -> Settings:
    """An entry's values, sorted by what takes them.

    Args:
        values: by their names; none is a placeholder.
        entry: of the type; None where it is not known, so that just a key and an address are looked for.

    """
    if entry is None:
        return _of_unknown(values)
    kind, secrets = max(
        ((one, _assigned(values, one.secret_fields, _sole(one))) for one in entry.kinds()),
        key=lambda pair: (pair[0].required_fields <= set(pair[1].values()), len(pair[1])),
    )
    rest = {name: text for name, text in values.items() if name not in secrets}
    configs = _assigned(rest, entry.all_config_fields, "")
    urls = [name for name in rest if name not in configs and _is_url(name, entry.env_base_url)]
    found = {ours: _document(values[theirs], kind.secret_field(ours)) for theirs, ours in secrets.items()}
    fields = {ours: Secret(text) for ours, text in found.items() if text is not None}
    usual = kind.auth.field == entry.auth.field
    key = fields.pop(entry.auth.field, None) if usual else None
    unread = [theirs for theirs, ours in secrets.items() if found[ours] is None]
    return Settings(
        key=key,
        fields=fields,
        config={ours: values[theirs] for theirs, ours in configs.items()},
        base_url=values[urls[0]].strip() if urls else "",
        unused=(*unread, *(name for name in rest if name not in configs and name not in urls)),
    )


def _of_unknown(values: Mapping[str, str]) -> Settings:
    keys = [name for name in values if _is_key(_fold(name))]
    urls = [name for name in values if _is_url(name, ())]
    return Settings(
        key=Secret(values[keys[0]]) if keys else None,
        base_url=values[urls[0]].strip() if urls else "",
        unused=tuple(name for name in values if name not in (*keys[:1], *urls)),
    )


def _assigned(values: Mapping[str, str], fields: Iterable[SecretField | ConfigField], sole: str) -> dict[str, str]:
    """Their name to our field, each field once; the surest ways to know a name come first."""
    known = {one.name: one for one in fields}
    free = set(known)
    found: dict[str, str] = {}
    ways: tuple[Callable[[str], Iterable[str]], ...] = (
        lambda name: [one for one in known if _fold(one) == name],
        lambda name: [one for one, part in known.items() if name in map(_fold, part.env)],
        lambda name: _THEIRS.get(name, ()),
        lambda name: (*_KEYS, sole) if _is_key(name) else (),
    )
    for way in ways:
        for theirs in values:
            ours = next((one for one in way(_fold(theirs)) if one in free), None) if theirs not in found else None
            if ours is not None:
                found[theirs] = ours
                free.remove(ours)
    return found


def _sole(kind: Provider) -> str:
    """The one field of a credential that has only one, whatever it is called."""
    required = [one.name for one in kind.secret_fields if not one.optional]
    return required[0] if len(required) == 1 else ""


def _document(text: str, known: SecretField | None) -> str | None:
    """A value as its field wants it; None for the name of a file where its content is wanted."""
    if known is None or known.type != "json" or text.lstrip().startswith("{"):
        return text
    try:
        inner = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return inner if inner.lstrip().startswith("{") else None


def _is_key(folded: str) -> bool:
    return folded in _KEY_NAMES or (folded not in _THEIRS and folded.endswith(_KEY_ENDINGS))


def _is_url(name: str, variables: Iterable[str]) -> bool:
    folded = _fold(name)
    return folded == "url" or folded.endswith(_URL_ENDINGS) or folded in map(_fold, variables)


def _fold(name: str) -> str:
    return _JOINTS.sub("", name.casefold())

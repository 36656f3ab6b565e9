"""Beginnings that only one vendor's credentials have, as wrong types at the own hosts of every other type.

A gateway or a server of one's own may take any key, so a type without hosts of a vendor gets none of these.
"""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from llmkeys.catalogue.credential import Alternative, Auth, SecretField, Unmistakable, WrongType
from llmkeys.catalogue.model import ProviderFile

_SHOWN_AS_IT_IS: Final = ("bearer", "header", "query")
_ANYTHING_GOES: Final = ("self-hosted", "generic")


def hinted(file: ProviderFile, hosts: Collection[str], known: tuple[Unmistakable, ...]) -> ProviderFile:
    """The file with other vendors' beginnings as wrong types of the fields that are sent as they are.

    Args:
        file: as decoded.
        hosts: of the type; where keys are certain to be the type's own.
        known: the beginnings, the longer ones first.

    """
    own = tuple(sorted(set(hosts) - set(file.shared_hosts)))
    if not own or file.kind in _ANYTHING_GOES:
        return file
    wrong = tuple(WrongType(prefix=one.prefix, kind=one.kind, hosts=own) for one in known if file.id not in one.types)
    return msgspec.structs.replace(
        file,
        secret_fields=tuple(_fields(file.auth, file.secret_fields, wrong)),
        alternatives=tuple(_alternative(one, wrong) for one in file.alternatives),
    )


def _alternative(one: Alternative, wrong: tuple[WrongType, ...]) -> Alternative:
    return msgspec.structs.replace(one, secret_fields=tuple(_fields(one.auth, one.secret_fields, wrong)))


def _fields(auth: Auth, fields: tuple[SecretField, ...], wrong: tuple[WrongType, ...]) -> Iterator[SecretField]:
    for field in fields:
        if auth.scheme not in _SHOWN_AS_IT_IS or field.name != auth.field or field.type != "key":
            yield field
            continue
        # What the type's own file says goes first: it may hold everywhere, or say more.
        yield msgspec.structs.replace(field, wrong_type=(*field.wrong_type, *wrong))

"""An entry of another product's file as an Account, its fields in the catalogue's words."""

from collections.abc import Mapping

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.placeholders import is_masked, is_placeholder
from llmkeys.bootstrap.reader import Packed, Reader
from llmkeys.bootstrap.shapes.fields import settings_of
from llmkeys.bootstrap.template import Account, Place
from llmkeys.catalogue.model import Provider

MODEL_TYPES: Mapping[str, ModelType] = {
    "llm": ModelType.LLM,
    "chat": ModelType.LLM,
    "completion": ModelType.LLM,
    "responses": ModelType.LLM,
    "text-generation": ModelType.LLM,
    "embedding": ModelType.EMBEDDING,
    "embeddings": ModelType.EMBEDDING,
    "text-embedding": ModelType.EMBEDDING,
    "rerank": ModelType.RERANK,
    "reranking": ModelType.RERANK,
    "asr": ModelType.SPEECH_TO_TEXT,
    "speech2text": ModelType.SPEECH_TO_TEXT,
    "audio_transcription": ModelType.SPEECH_TO_TEXT,
    "tts": ModelType.TTS,
    "audio_speech": ModelType.TTS,
    "image_generation": ModelType.IMAGE,
    "text2img": ModelType.IMAGE,
    "moderation": ModelType.MODERATION,
    "moderations": ModelType.MODERATION,
}
"""What products call a type of models."""


def account_of(
    reader: Reader,
    place: Place,
    factory: str,
    values: Mapping[str, str],
    *,
    what: str,
    places: Mapping[str, Place] | None = None,
    name: str = "",
    enabled: bool = True,
    defaults: Mapping[ModelType, str] | None = None,
) -> Account:
    """An account of what an entry says. What nothing of ours takes is noted as left, by its name alone.

    Args:
        reader: that notes.
        place: of the entry.
        factory: the product's name of the provider.
        values: texts by the product's names of them, variables filled in; placeholders count as not there.
        what: how the file calls such an entry.
        places: of the values, by the same names; the entry's counts for those that are not in it.
        name: of the entry, where a provider can have several.
        enabled: the product's switch.
        defaults: type to model.

    """
    entry = reader.entry(factory)
    settings = settings_of(_set_values(reader, place, values, what, places or {}), entry)
    for one in settings.unused:
        reader.leave_once(
            (places or {}).get(one, place),
            f"{what}.{reader.shown(one)}",
            "Nothing of ours takes this setting, or it is not the content of a file.",
        )
    return Account(
        place,
        reader.shown(factory),
        key=settings.key,
        base_url=settings.base_url,
        fields=settings.fields,
        config=settings.config,
        defaults=defaults or {},
        enabled=enabled,
        name=name,
    )


def key_values(packed: Packed, entry: Provider | None) -> Mapping[str, str]:
    """What stands in a key's place: the fields of a JSON object that a product packs there, or one key.

    Args:
        packed: the text.
        entry: of the type; a file that is itself the credential stays whole.

    """
    fields = {name: text for name, text in packed.fields.items() if not is_placeholder(text)}
    return fields if settings_of(fields, entry).has_secret else {"api_key": packed.text}


def is_keyless(entry: Provider | None) -> bool:
    """Whether a type is used without a key, as servers of one's own are."""
    return entry is not None and not entry.key_required


def _set_values(
    reader: Reader, place: Place, values: Mapping[str, str], what: str, places: Mapping[str, Place]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in values.items():
        if is_masked(text):
            why = "Only a part of the key is there, as it is shown to people."
            reader.leave(places.get(name, place), f"{what}.{reader.shown(name)}", why)
        elif not is_placeholder(text):
            found[name] = text
    return found

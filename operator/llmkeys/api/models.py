"""Models as both kinds speak of them: what the platform team asks for, and what was found out."""

from enum import StrEnum
from typing import Final

import msgspec


class ModelType(StrEnum):
    """What a model is for."""

    LLM = "llm"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    SPEECH_TO_TEXT = "speech-to-text"
    TTS = "tts"
    IMAGE = "image"
    MODERATION = "moderation"
    OTHER = "other"  # for none of these, as models that make videos


FIELDS: Final = {
    ModelType.LLM: "llmModel",
    ModelType.EMBEDDING: "embeddingModel",
    ModelType.RERANK: "rerankModel",
    ModelType.SPEECH_TO_TEXT: "speechToTextModel",
    ModelType.TTS: "ttsModel",
    ModelType.IMAGE: "imageModel",
    ModelType.MODERATION: "moderationModel",
}
"""The field under which the default of a type is delivered."""

VARIABLES: Final = {
    ModelType.LLM: "LLM_MODEL",
    ModelType.EMBEDDING: "EMBEDDING_MODEL",
    ModelType.RERANK: "RERANK_MODEL",
    ModelType.SPEECH_TO_TEXT: "SPEECH_TO_TEXT_MODEL",
    ModelType.TTS: "TTS_MODEL",
    ModelType.IMAGE: "IMAGE_MODEL",
    ModelType.MODERATION: "MODERATION_MODEL",
}
"""The variable of that field."""


class AddedModel(msgspec.Struct, frozen=True):
    """A model that no list shows: an own one, or one of a host of many."""

    name: str
    type: ModelType = ModelType.LLM


class ModelsSpec(msgspec.Struct, frozen=True):
    """Which models of a provider are offered, and which are the defaults.

    Args:
        include: patterns, `*` stands for any text; none given means all.
        exclude: patterns; go before `include`.
        add: offered whatever the list shows and whatever the patterns say.
        defaults: type to model; an empty text leaves the choice to the catalogue.
        publish: whether a ConfigMap shows what the keys open.

    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    add: tuple[AddedModel, ...] = ()
    defaults: dict[ModelType, str] = {}
    publish: bool = False


class PublishedModels(msgspec.Struct, frozen=True, rename="camel"):
    """The list of models that a provider's ConfigMap holds.

    Args:
        config_map: its name, in the operator's namespace.
        count: of the models in it.

    """

    config_map: str
    count: int = 0


class ModelsStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of the models that the deciding key opens.

    No text of a provider's reply stands here: `defaults` and `missing` hold names from manifests and the catalogue.

    Args:
        available: how many are offered, None while no list was read.
        defaults: type to the model in force; empty text: none was found yet.
        missing: asked for by a manifest and not available.
        key: fingerprint of the key that `available` and `missing` are about.

    """

    available: int | None = None
    defaults: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    key: str = ""

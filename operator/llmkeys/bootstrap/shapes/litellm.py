"""LiteLLM's `config.yaml`: the providers of its `model_list`, and its `credential_list`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.account import MODEL_TYPES, account_of, is_keyless
from llmkeys.bootstrap.shapes.fields import settings_of
from llmkeys.bootstrap.template import Account, Accounts, Place
from llmkeys.bootstrap.tree import MappingNode, Node, ScalarNode, list_of, mapping_of

MODELS: Final = "model_list"
CREDENTIALS: Final = "credential_list"
_ENVIRONMENT: Final = "environment_variables"
_READ: Final = frozenset({MODELS, CREDENTIALS, _ENVIRONMENT})
_PARAMETERS: Final = "litellm_params"
_NAMED: Final = "litellm_credential_name"
_NEITHER: Final = frozenset({"model", "custom_llm_provider", _NAMED})

# Prefixes that the catalogue has under another name.
_PREFIXES: Final = {
    "azure_ai": "azure_ai_studio",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "custom_openai": "custom",
    "litellm_proxy": "custom",
    "lm_studio": "lmstudio",
    "ollama_chat": "ollama",
    "openai_like": "custom",
    "sagemaker_chat": "sagemaker",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
    "vllm": "hosted_vllm",
}
# What this prefix means where the address is no host of that provider.
_ELSEWHERE: Final = {"openai": "custom"}
# How models begin whose provider is not written before them.
_MODELS: Final = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "text-embedding-": "openai",
    "whisper-": "openai",
    "dall-e-": "openai",
    "claude": "anthropic",
    "command": "cohere",
    "deepseek-": "deepseek",
    "mistral-": "mistral",
}


def read_litellm(root: MappingNode, reader: Reader) -> Accounts:
    """What the file says of providers.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    Raises:
        TemplateInvalidError: a list is misshapen.

    """
    for name in root.values:
        if name not in _READ:
            reader.leave(
                root.keys[name], reader.shown(name), "These are settings of LiteLLM itself, its own keys included."
            )
    file = _File(reader, _texts(root.get(_ENVIRONMENT), _ENVIRONMENT, reader))
    named = root.get(CREDENTIALS)
    for item in list_of(named, CREDENTIALS).items if named is not None else ():
        with reader.faults.gathered():
            file.take_credential(mapping_of(item, "a credential"))
    models = root.get(MODELS)
    for item in list_of(models, MODELS).items if models is not None else ():
        with reader.faults.gathered():
            file.take_model(mapping_of(item, "a model"))
    file.take_unused_credentials()
    return Accounts("LiteLLM", tuple(file.accounts), reader.left)


@dataclass(frozen=True, slots=True)
class _Credential:
    """An item of `credential_list`."""

    place: Place
    provider: str
    values: Mapping[str, str] = field(repr=False)
    places: Mapping[str, Place]


class _File:
    """What was read so far."""

    def __init__(self, reader: Reader, environment: Mapping[str, str]) -> None:
        self.accounts: list[Account] = []
        self._reader = reader
        self._environment = environment
        self._credentials: dict[str, _Credential] = {}
        self._used: set[str] = set()
        self._defaults: set[tuple[str, str, ModelType]] = set()

    def take_credential(self, item: MappingNode) -> None:
        info = item.get("credential_info")
        provider = self._reader.text(mapping_of(info, "credential_info"), "custom_llm_provider") if info else ""
        node = item.get("credential_values")
        whole = None if node is None else mapping_of(node, "credential_values")
        values = {} if whole is None else self._values(whole, "credential_values")
        name = self._reader.text(item, "credential_name")
        if name in self._credentials:
            self._reader.leave(item.place, CREDENTIALS, "One before it has the same credential_name. Give it its own.")
            return
        self._credentials[name] = _Credential(item.place, provider.strip(), values, whole.keys if whole else {})

    def take_model(self, item: MappingNode) -> None:
        node = item.get(_PARAMETERS)
        if node is None:
            self._reader.leave(item.place, _PARAMETERS, "A model without litellm_params says nothing of a provider.")
            return
        params = mapping_of(node, _PARAMETERS)
        values = self._values(params, _PARAMETERS)
        places = params.keys
        credential = self._named(values.get(_NAMED, ""), params)
        if credential is not None:
            values = {**credential.values, **values}
            places = {**credential.places, **places}
        said = values.get("custom_llm_provider") or (credential.provider if credential else "")
        address = values.get("api_base", "")
        factory, model = _split(said, values.get("model", ""), address)
        factory = self._elsewhere(factory, address)
        if not factory:
            self._reader.leave(item.place, "model", "No provider stands before it. Write provider/model.")
            return
        values = {name: text for name, text in values.items() if name not in _NEITHER}
        defaults = self._default(item, factory, model, address)
        self._take(item.place, factory, values, places, defaults)

    def _named(self, name: str, params: MappingNode) -> _Credential | None:
        if not name:
            return None
        if name in self._credentials:
            self._used.add(name)
        else:
            why = f"{CREDENTIALS} has no {self._reader.shown(name)}. Write that credential there, or an api_key here."
            self._reader.leave(params.keys[_NAMED], f"{_PARAMETERS}.{_NAMED}", why)
        return self._credentials.get(name)

    def take_unused_credentials(self) -> None:
        """Credentials that no model names are worth as much."""
        for name, one in self._credentials.items():
            if name in self._used:
                continue
            if one.provider:
                factory, _ = _split(one.provider, "", "")
                factory = self._elsewhere(factory, one.values.get("api_base", ""))
                self._take(one.place, factory, one.values, one.places, {})
            else:
                self._reader.leave(
                    one.place, CREDENTIALS, "It names no provider (credential_info.custom_llm_provider)."
                )

    def _take(
        self,
        place: Place,
        factory: str,
        values: Mapping[str, str],
        places: Mapping[str, Place],
        defaults: Mapping[ModelType, str],
    ) -> None:
        account = account_of(
            self._reader,
            place,
            factory,
            self._with_environment(factory, values),
            what=_PARAMETERS,
            places=places,
            defaults=defaults,
        )
        self.accounts.append(account)

    def _with_environment(self, factory: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """Without a key LiteLLM takes the provider's own variables, of which the file may set some."""
        entry = self._reader.entry(factory)
        if entry is None or is_keyless(entry) or settings_of(values, entry).has_secret:
            return values
        found = {
            env: self._environment[env]
            for one in entry.all_secret_fields
            for env in one.env
            if env in self._environment
        }
        return {**found, **values}

    def _elsewhere(self, factory: str, address: str) -> str:
        """The provider, unless the address says that it is some other server that speaks the same API."""
        known = self._reader.entry(factory)
        if known is None or not address or (urlsplit(address).hostname or "") in known.hosts:
            return factory
        return _ELSEWHERE.get(known.id, factory)

    def _default(self, item: MappingNode, factory: str, model: str, address: str) -> dict[ModelType, str]:
        """A model whose type is said is the default of it, if it is the first of its provider."""
        info = item.get("model_info")
        mode = self._reader.text(info, "mode") if isinstance(info, MappingNode) else ""
        kind = MODEL_TYPES.get(mode.strip())
        entry = self._reader.entry(factory)
        identity = (factory if entry is None else entry.id, address)
        if kind is None or not model or "*" in model or (*identity, kind) in self._defaults:
            return {}
        self._defaults.add((*identity, kind))
        return {kind: model}

    def _values(self, node: MappingNode, what: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in node.values.items():
            text = ""
            if isinstance(value, ScalarNode):
                text = self._reader.variables.from_environment(value, self._environment)
            elif isinstance(value, MappingNode) and name.endswith("credentials"):  # a service account, written out
                text = msgspec.json.encode(_texts(value, name, self._reader)).decode()
            else:
                self._reader.leave_setting(
                    node, name, what, "This is a setting of requests, which nothing of ours takes."
                )
            if not is_placeholder(text):
                found[name] = text
        return found


def _split(said: str, model: str, address: str) -> tuple[str, str]:
    """The provider, and the model as the provider calls it; an empty provider if nothing says which it is.

    Args:
        said: the provider, where the file says it apart from the model; else empty.
        model: `provider/model`, or a model alone.
        address: of the server; a model alone that is at one is some server's own.

    """
    prefix, slash, rest = model.partition("/")
    if said:
        name, own = said, rest if slash and prefix == said else model
    elif slash:
        name, own = prefix, rest
    else:
        begins = next((known for start, known in _MODELS.items() if model.startswith(start)), "")
        name, own = begins or ("custom_openai" if address else ""), model
    return _PREFIXES.get(name, name), own


def _texts(node: Node | None, what: str, reader: Reader) -> dict[str, str]:
    if node is None:
        return {}
    whole = mapping_of(node, what)
    found: dict[str, str] = {}
    for name, value in whole.values.items():
        if isinstance(value, ScalarNode):
            found[name] = reader.variables.from_environment(value, {})
        else:
            reader.leave_setting(whole, name, reader.shown(what))
    return found

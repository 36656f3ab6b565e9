"""Manifests to start from: an LLMProvider, a labelled source Secret and an LLMCredential of one type, with comments.

What a person has to fill in is written so that nothing is sent before they do: a key with blanks in it is no key, and a
setting in angle brackets matches no pattern.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND, SOURCE_LABEL
from llmkeys.catalogue.credential import ConfigField, SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.explain.page import text_in

PLACEHOLDER: Final = "<put the key here>"
BASE_URL: Final = "https://llm.example.com"

_NEVER_FOLDED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Starter:
    """What the manifests are to be called.

    Args:
        entry: of the catalogue.
        name: of LLMProvider and LLMCredential, and the beginning of the Secret's.
        namespace: of Secret and LLMCredential.

    """

    entry: Provider
    name: str
    namespace: str

    @property
    def secret(self) -> str:
        """The source Secret; the generated one has the credential's own name."""
        return f"{self.name}-source"

    def text(self) -> str:
        """All manifests as one YAML text."""
        parts = [self._provider()]
        parts += [self._source()] if self._keys else []
        parts.append(self._credential())
        return "---\n".join(parts)

    @property
    def _keys(self) -> tuple[SecretField, ...]:
        return tuple(one for one in self.entry.secret_fields if not one.optional)

    # -- LLMProvider -----------------------------------------------------------------------------------------

    def _provider(self) -> str:
        spec: dict[str, Any] = {"type": self.entry.id}
        if self.entry.base_url_required:
            spec["baseURL"] = f"{BASE_URL}/{self.entry.version}" if self.entry.version else BASE_URL
        elif self.entry.default_region:
            spec["region"] = self.entry.default_region
        settings = {one.name: f"<{one.name}>" for one in self.entry.config_fields if one.required}
        if settings:
            spec["config"] = settings
        return _commented(self._about_provider()) + _yaml(PROVIDER_KIND, {"name": self.name}, spec=spec)

    def _about_provider(self) -> Iterator[str]:
        entry = self.entry
        yield f"{entry.names.en}: where requests go. Belongs to the platform team; no key stands here."
        if entry.lifecycle:
            yield f"{entry.lifecycle.state.upper()} since {entry.lifecycle.since}: {entry.lifecycle.note.en}"
        if entry.base_url_required:
            yield "baseURL: the address of your own server. If that is a private one, or plain http, also set"
            yield "network: {allowPrivateAddresses: true}."
        regions = ", ".join(f"{one.region} ({one.url})" for one in entry.endpoints)
        if len(entry.endpoints) > 1:
            yield f"region: one of {regions}."
        for setting in entry.config_fields:
            yield f"config.{setting.name}: {_about_setting(setting)}"
        if not entry.probe.is_free:
            yield "The request that proves keys costs money and is not sent unless validation: {probe: Paid} is set."

    # -- source Secret ---------------------------------------------------------------------------------------

    def _source(self) -> str:
        data = {(one.env[0] if one.env else one.name): PLACEHOLDER for one in self._keys}
        meta = {"name": self.secret, "namespace": self.namespace, "labels": {SOURCE_LABEL: "true"}}
        return _commented(self._about_source()) + _yaml("Secret", meta, version="v1", type="Opaque", stringData=data)

    def _about_source(self) -> Iterator[str]:
        console = self.entry.console
        yield "The key. Never commit this filled in: for Git, use `llmkeys seal` and spec.keys[].sealed instead."
        if console.url or console.how:
            yield f"Get one: {'; '.join(one for one in (console.url, text_in(console.how, 'en')) if one)}."
        if console.free:
            yield f"Free: {console.free.en}."
        for field in self._keys:
            if field.list:
                yield f"{field.name}: several keys, separated by commas or line breaks, are tried in order."
            if field.type == "json":
                yield f"{field.name}: the content of {field.default_file or 'the file'}, as it is."

    # -- LLMCredential ---------------------------------------------------------------------------------------

    def _credential(self) -> str:
        spec: dict[str, Any] = {"providerRef": {"name": self.name}}
        if self._keys:
            spec["keys"] = [{"name": "primary", "secretRef": {"name": self.secret}}]
        spec["target"] = {"serviceAccounts": ["default"]}
        meta = {"name": self.name, "namespace": self.namespace}
        return _commented(self._about_credential()) + _yaml(CREDENTIAL_KIND, meta, spec=spec)

    def _about_credential(self) -> Iterator[str]:
        yield f"Proves the key and delivers it as Secret {self.name}, in an envelope."
        yield "target.serviceAccounts: whose pods may have it opened. For a plain Secret and envFrom instead:"
        yield "target: {encryption: None}."
        optional = [one for one in self.entry.secret_fields if one.optional]
        if optional and not self._keys:
            names = ", ".join(one.env[0] if one.env else one.name for one in optional)
            yield f"No key is needed. If your server asks for one, put it into a Secret labelled {SOURCE_LABEL}=true as"
            yield f"{names}, and name that: keys: [{{name: primary, secretRef: {{name: {self.secret}}}}}]."
        for other in self.entry.alternatives:
            fields = ", ".join(one.env[0] if one.env else one.name for one in other.secret_fields)
            yield f"Another credential works too, {other.name}: {fields}."


def _about_setting(setting: ConfigField) -> str:
    words = ["required" if setting.required else "optional"]
    words += [f"{setting.default} if unset"] if setting.default else []
    words += [text_in(setting.note, "en")] if setting.note else []
    return f"{', '.join(words)}."


def _commented(lines: Iterator[str]) -> str:
    """Comments; a text of the catalogue may hold line breaks, which would end one."""
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def _yaml(kind: str, metadata: dict[str, Any], *, version: str = API_VERSION, **body: Any) -> str:
    content = {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=_NEVER_FOLDED)

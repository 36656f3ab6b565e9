"""Seals the demo's made-up keys as a person would, with `llmkeys seal`, each for the credential that will hold it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.support.demo_manifests import TEMPLATES
from tests.support.demo_print import say, shell, shown
from tests.support.demo_scenes import KEYS

SEALED: Final = "SEALED_"
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Z_]+)\}")


@dataclass(frozen=True)
class Place:
    """Where a sealed value goes, found in the templates; `key` is the placeholder of what is sealed."""

    key: str
    credential: str
    namespace: str
    provider: str
    entry: str


def places(templates: Path = TEMPLATES) -> Iterator[Place]:
    """All `${SEALED_…}` of the templates."""
    for file in sorted(templates.rglob("*.yaml")):
        # A placeholder as such is no YAML; its name is.
        for one in yaml.safe_load_all(_PLACEHOLDER.sub(r"\1", file.read_text(encoding="utf-8"))):
            if one["kind"] != "LLMCredential":
                continue
            for entry in one["spec"].get("keys", ()):
                for placeholder in entry.get("sealed", {}).values():
                    meta, provider = one["metadata"], one["spec"]["providerRef"]["name"]
                    key = placeholder.removeprefix(SEALED)
                    yield Place(key, meta["name"], meta["namespace"], provider, entry["name"])


def seal_all(kubeconfig: Path, providers: Path, folder: Path) -> Mapping[str, str]:
    """Seal every key and return what the placeholders stand for.

    Args:
        kubeconfig: of a person who may read the operator's public key, as everybody may.
        providers: the rendered manifests of the LLMProviders.
        folder: gets the pinned public key, so that nobody's own settings are touched.

    """
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ},
        "KUBECONFIG": str(kubeconfig),
        "XDG_CONFIG_HOME": str(folder),
    }
    sealed: dict[str, str] = {}
    for place in places():
        # The first asks the cluster for the public key; the others need nothing but the key that was pinned then.
        asking = [] if sealed else ["--fetch"]
        arguments = [
            place.credential,
            "-n",
            place.namespace,
            "--provider-name",
            place.provider,
            "--field-only",
            *asking,
        ]
        if asking:
            shell(f"llmkeys seal {' '.join(arguments)} --provider {shown(providers)} < key")
        command = [sys.executable, "-P", "-m", "llmkeys", "seal", *arguments, "--provider", str(providers)]
        done = subprocess.run(
            command, input=KEYS[place.key][0], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"llmkeys seal failed:\n{done.stderr.strip()}")
        for line in done.stderr.splitlines() if asking else ():
            say(f"  {line}")
        sealed[SEALED + place.key] = done.stdout.strip()
    say(f"  {len(sealed)} keys are sealed, each for one credential and one host; only these values go into manifests")
    return sealed

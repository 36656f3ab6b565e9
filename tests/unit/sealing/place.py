"""One cluster's keys and one credential's manifest, as the tests of sealing have them."""

from llmkeys.crypto.header import Binding, Purpose, Scope
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.ring import Ring, RingKey, State
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.crypto.sealing import seal
from llmkeys.sealing.public_keys import PublicKeys, PublishedKey

CANARY = "sk-proj-canary0123456789"
OPENAI = "https://api.openai.com"
OLD, NEW, STRANGE, LEAKED, GONE = (PrivateKey(bytes([n]) * 32) for n in range(1, 6))

_STATES = {NEW: State.ACTIVE, OLD: State.DECRYPT_ONLY, LEAKED: State.COMPROMISED}


def public_keys() -> PublicKeys:
    return PublicKeys(tuple(PublishedKey(key.public, state, "2026-01-02T03:04:05Z") for key, state in _STATES.items()))


def ring_keys() -> SealingKeys:
    keys = [RingKey(key.public.key_id, state, 0.0, key.seed) for key, state in _STATES.items()]
    return SealingKeys(Ring("sealing", (*keys, RingKey(GONE.public.key_id, State.RETIRED, 0.0, b""))))


def sealed(key: PublicKey = NEW.public, plaintext: str = CANARY, **changed: str) -> str:
    bound = {
        "purpose": Purpose.SEAL,
        "scope": Scope.CREDENTIAL,
        "namespace": "team-a",
        "name": "chat",
        "field": "apiKey",
        "audience": OPENAI,
        "delivery": "envelope",
    }
    return seal(key, Binding(**{**bound, **changed}), plaintext.encode())


def manifest(text: str, *, namespace: str = "team-a", target: str = "", provider: str = "main") -> str:
    place = f"  namespace: {namespace}\n" if namespace else ""
    return (
        "apiVersion: llmkeys.dev/v1alpha1\nkind: LLMCredential\n"
        f"metadata:\n  name: chat\n{place}"
        f"spec:\n  providerRef: {{name: {provider}}}\n{target}"
        f"  keys:\n  - name: primary\n    sealed:\n      apiKey: {text} # ours\n"
    )

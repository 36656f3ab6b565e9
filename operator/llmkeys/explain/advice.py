"""What a person does next after a key was looked at from their own machine."""

from dataclasses import dataclass
from typing import Final

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.explain.span import span
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.models_offer import in_words
from llmkeys.probe.reply import Failure

_NEXT: Final[dict[Reason, str]] = {
    Reason.VERIFIED: "Nothing.",
    Reason.UNVERIFIED: "Send a small request with it: only that shows whether the key is good.",
    Reason.REJECTED: "See that it was copied whole, else create a new key at {console}.",
    Reason.EXPIRED: "Create a new key at {console}.",
    Reason.ACCOUNT_BLOCKED: "Open {console} and ask the provider why.",
    Reason.WRONG_CREDENTIAL_TYPE: "Create an API key at {console}.",
    Reason.MALFORMED_KEY: "Paste it again: it is empty, too long, or holds blanks or characters that no key has.",
    Reason.SOURCE_FIELD_MISSING: "Give all fields, as a JSON object or as lines NAME=value: {fields}.",
    Reason.THROTTLED: "Wait {wait}, then look again.",
    Reason.OVERLOADED: "Wait {wait}, then look again.",
    Reason.QUOTA_EXHAUSTED: "Check the billing at {console}.",
    Reason.NOT_ACTIVATED: "Activate the service at {console}.",
    Reason.PERMISSION_DENIED: "Check its scopes, and the list of addresses that may use it, at {console}.",
    Reason.MODEL_UNAVAILABLE: "Have {models} opened at {console}, or name another one.",
    Reason.REGION_DENIED: "Look again from a country that the provider serves, or through a gateway: --base-url URL.",
    Reason.PROVIDER_UNREACHABLE: (
        "Check name, network and TLS from here to {host}; a certificate authority of your own is given with --ca FILE, "
        "a proxy with --proxy URL."
    ),
    Reason.BAD_ENDPOINT: "Check --base-url and --region: {probe} is not this provider's API.",
    Reason.ADDRESS_BLOCKED: "If {guarded} is meant to be private, or plain http: --allow-private-addresses.",
    Reason.PROBE_REFUSED: "Check --config and --base-url: the provider refused the request, not the key.",
    Reason.UNRECOGNISED: "Look again later; to try a rule for this reply: llmkeys explain {type} --status {status}.",
}


_NEXT_BY_FAILURE: Final[dict[Failure, str]] = {
    Failure.DNS: "No address was found for {host}: check the name, and whether names are resolved here.",
    Failure.CONNECT_REFUSED: "{host} refused the connection: check host and port, and that the server runs.",
    Failure.CONNECT_TIMEOUT: "There was no connection to {host}: check the network; a proxy is given with --proxy URL.",
    Failure.READ_TIMEOUT: "{host} did not answer in time: look again later, or allow it more: --timeout 60s.",
    Failure.TLS: (
        "The certificate of {host} was not accepted: an authority of your own is given with --ca FILE; without one, "
        "check the host's name and this machine's clock."
    ),
    Failure.PROXY: "The proxy did not connect to {host}: check --proxy, and whether it allows that host.",
    Failure.PROTOCOL: "{host} hung up, or does not speak HTTP there: check scheme, port and path of --base-url.",
}


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What the advice depends on besides the reason.

    Args:
        wait: seconds until it is worth looking again.
        status: HTTP status of the answer.
        failure: why there was no reply, None if there was one.
        regions: others that the key may belong to.
        answers_at: a base URL at which the API was found instead; empty if it was not.
        missing: models that were asked for, and are not there.
        nothing_left: the account has no money, or whatever it is counted in.

    """

    wait: float = 0.0
    status: int = 0
    failure: Failure | None = None
    regions: tuple[str, ...] = ()
    answers_at: str = ""
    missing: tuple[str, ...] = ()
    nothing_left: bool = False


def next_step(reason: Reason, entry: Provider, endpoint: Endpoint, at: Circumstance) -> str:
    """A sentence or two.

    Args:
        reason: of the look.
        entry: of the catalogue.
        endpoint: that was asked.
        at: what else it depends on.

    """
    if reason is Reason.UNVERIFIED and not entry.key_required:
        return "Nothing: this server asks for no key, or for none that it checks here."
    if reason is Reason.UNVERIFIED and not endpoint.may_probe:
        return "Allow the request, which costs money: --paid"
    if reason is Reason.BAD_ENDPOINT and at.answers_at:
        return f"The API was found elsewhere: --base-url {at.answers_at}"
    if reason is Reason.MALFORMED_KEY and any(one.type == "json" for one in entry.secret_fields):
        return "Give the whole file, as its program wrote it: --from-file FILE."
    if reason is Reason.VERIFIED and at.nothing_left:
        reason = Reason.QUOTA_EXHAUSTED
    words = {
        "console": entry.console.url or "the provider's console",
        "fields": ", ".join(one.name for one in entry.secret_fields if not one.optional),
        "wait": span(at.wait),
        "host": str(endpoint.origin),
        "guarded": f"{endpoint.origin}, or the proxy," if endpoint.network.proxy else str(endpoint.origin),
        "probe": endpoint.probe,
        "type": entry.id,
        "status": str(at.status),
        "models": in_words(at.missing) or "the model",
    }
    by_failure = _NEXT_BY_FAILURE.get(at.failure) if at.failure and reason is Reason.PROVIDER_UNREACHABLE else None
    text = (by_failure or _NEXT[reason]).format_map(words)
    if reason is Reason.REJECTED and at.regions:
        # A key of one region is refused by the others, in the words of a bad key.
        text += f" It may belong to another region: --region {' or '.join(at.regions)}."
    return text

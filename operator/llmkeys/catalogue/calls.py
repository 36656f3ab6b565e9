"""The requests that are made to a provider, and where in the replies things stand."""

from typing import Any, Literal

import msgspec

from llmkeys.api.models import ModelType
from llmkeys.catalogue.part import Part, Text
from llmkeys.catalogue.rule import Evidence


class Success(Part, frozen=True, kw_only=True):
    """What makes a 2xx reply a success.

    Args:
        status: those that count.
        json: `none` for health endpoints with an empty body: the body is then not looked at.
        expect: path to type; one of them must be there. `$` is the body itself. A list may be null.

    """

    status: tuple[int, ...] = (200,)
    json: Literal["required", "none"] = "required"
    expect: dict[str, Literal["list", "object", "string", "number", "bool"]] = msgspec.field(default_factory=dict)


class Probe(Part, frozen=True, kw_only=True):
    """The request that proves a key, at no cost unless `cost` says otherwise.

    Args:
        path: follows the base URL, or the URL of `endpoint`.
        query: name to value; values may hold `{field}`.
        endpoint: a name in `other_endpoints`, which `spec.endpoints` may override; empty is the base URL.
        authenticated: a bad key is refused: true, false (anything passes), or unknown (only a negative control tells).
        body: sent as JSON.
        form: sent as a form; `{field}` may be a secret field here and nowhere else.
        timeout: seconds that this request needs at times, where that is more than usual.
        caveat: what a success does not prove.

    """

    method: Literal["GET", "POST"]
    path: str
    query: dict[str, str] = msgspec.field(default_factory=dict)
    endpoint: str = ""
    authenticated: bool | Literal["unknown"]
    cost: Literal["zero", "free-model", "one-token", "cheapest-chat", "billed"]
    body: Any = None
    form: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: float | None = None
    success: Success = Success()
    ev: Evidence | Literal["unverified"]
    src: str = ""
    caveat: Text | None = None

    @property
    def is_free(self) -> bool:
        """Whether it may be sent without leave."""
        return self.cost in ("zero", "free-model")


class Pagination(Part, frozen=True, kw_only=True):
    """How the next page is asked for.

    Args:
        style: `cursor` takes a value of the reply as parameter, `link` the Link header, `next_url` a URL of the reply.
        param: the parameter that takes the value.
        value: path of the value in the reply.
        more: path of a boolean that says whether there is more; empty: there is while `value` is.
        size_param: the parameter of the page size.
        size: asked for.

    """

    style: Literal["cursor", "link", "next_url"]
    param: str = ""
    value: str = ""
    more: str = ""
    size_param: str = ""
    size: int | None = None


class Kinds(Part, frozen=True, kw_only=True):
    """Where an item of the list says what the model is for.

    Args:
        at: path in the item of a word, a list of words, or an object of which those count that are true.
        words: word to type; of several that an item holds, the one that stands first here decides.

    """

    at: str
    words: dict[str, ModelType]


class Models(Part, frozen=True, kw_only=True):
    """The list of models.

    Args:
        path: empty if there is no list.
        items: path of the list in the reply, `$` if the reply is the list.
        id: path of the id in an item, or a template `{owner}/{name}`.
        strip_prefix: taken off every id.
        authenticated: false: the list answers anybody, so it proves nothing about a key.
        static: names, where there is no list.
        per_model_path: asks for one model, as `{owner}/{name}` or `{id}`.
        per_model_endpoint: a name in `other_endpoints` that this path follows; empty is the base URL.
        catalogue: the list is a whole public catalogue: it is not read, models are asked for one by one.
        complete: false: what the list does not show may work all the same (deployments, endpoints of one's own).
        implied_suffix: an id that ends so is known without it too.
        kinds: where the list says what a model is for.
        ids: parts of ids, lower case, by which a model is of a type whatever the list says; `^` is the beginning.
        choices: the defaults, type to ids, the best first; one that is offered is taken.

    """

    path: str = ""
    query: dict[str, str] = msgspec.field(default_factory=dict)
    endpoint: str = ""
    shape: Literal[
        "openai", "anthropic", "gemini", "azure", "array", "ollama", "cohere", "vertex", "bedrock", "replicate", ""
    ] = ""
    items: str = ""
    id: str = "id"
    strip_prefix: str = ""
    authenticated: bool = True
    pagination: Pagination | None = None
    static: tuple[str, ...] = ()
    per_model_path: str = ""
    per_model_endpoint: str = ""
    catalogue: bool = False
    complete: bool = True
    implied_suffix: str = ""
    kinds: Kinds | None = None
    ids: dict[ModelType, tuple[str, ...]] = msgspec.field(default_factory=dict)
    choices: dict[ModelType, tuple[str, ...]] = msgspec.field(default_factory=dict)
    note: str = ""


class Window(Part, frozen=True, kw_only=True):
    """Where a reply says which span of time an amount is for.

    Args:
        at: path of a word or a number.
        words: that word to ours; what is not among these is left out.

    """

    at: str
    words: dict[str, str]


class Amount(Part, frozen=True, kw_only=True):
    """One figure of a balance.

    Args:
        kind: `is` in the file.
        at: path of a number, or of a text that is one; in an item where the balance has `rows`.
        unit: ISO 4217 code or a word; region to unit where the regions differ.
        unit_at: path of an ISO 4217 code in the reply, which goes before `unit`.
        factor: what the number is multiplied by.
        window: the span of time that it is for, where there are several: a word, or where the reply says it.

    """

    kind: Literal["left", "used", "granted", "paid", "total", "frozen", "owed"] = msgspec.field(name="is")
    at: str
    unit: str | dict[str, str] = ""
    unit_at: str = ""
    factor: float = 1.0
    window: str | Window = ""


class Balance(Part, frozen=True, kw_only=True):
    """What the account has left, where a key may ask at no cost. It is told to people and decides nothing.

    Args:
        path: follows the base URL, or the URL of `endpoint`; holds no template.
        endpoint: a name in `other_endpoints`; `spec.endpoints.balance` goes before either.
        bare: the key stands in the Authorization header alone, without `Bearer`.
        regions: where it is known; none given means everywhere.
        rows: path of a list in the reply that holds the amounts; empty: the reply itself does.
        amounts: in the order in which they are shown.

    """

    path: str
    endpoint: str = ""
    bare: bool = False
    regions: tuple[str, ...] = ()
    rows: str = ""
    amounts: tuple[Amount, ...]
    ev: Evidence
    src: str = ""
    note: str = ""


class MessageTime(Part, frozen=True, kw_only=True):
    """A time of reset that stands in the text of a message.

    Args:
        at: path of the message.
        utc_offset: hours east of UTC that the provider's clock shows.

    """

    at: str
    utc_offset: int = 0


class Wait(Part, frozen=True, kw_only=True):
    """Where a reply says how long to wait, looked at in this order, before the default places.

    Args:
        headers: names in lower case; one that ends in `-ms` holds milliseconds.
        body: paths into the JSON body.
        message: a time in a message.

    """

    headers: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    message: MessageTime | None = None

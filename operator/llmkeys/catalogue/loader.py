"""Read the catalogue's files. A mistake in one is reported with its place, and the others are used all the same."""

import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import yaml

from llmkeys.catalogue.checks import mistakes, mistakes_of_rules
from llmkeys.catalogue.compiled import CompiledFiles
from llmkeys.catalogue.errors import CatalogueError, Fault
from llmkeys.catalogue.hints import hinted
from llmkeys.catalogue.lookup import Catalogue, fold, names_of
from llmkeys.catalogue.model import Defaults, DefaultsFile, Provider, ProviderFile, Redaction
from llmkeys.catalogue.rule import Rule, RuleBook

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACE: Final = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>[^`]+)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\[(?:(\d+)|\.\.\.)\]|\.?([^.\[\]]+)")

_T = TypeVar("_T")


class _Unusable(Exception):  # noqa: N818  it carries a Fault and never leaves this module
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def load(folder: Traversable | None = None) -> Catalogue:
    """Read every file.

    Args:
        folder: holds `default_rules.yaml`, `redaction.yaml` and `providers/`; the package's own unless told otherwise.

    Raises:
        CatalogueError: the default rules or the redaction rules cannot be used.

    """
    root = folder or files("llmkeys.catalogue")
    compiled = CompiledFiles.beside(root)
    try:
        defaults_file = _decode(root / "default_rules.yaml", DefaultsFile, compiled)
        redaction = _decode(root / "redaction.yaml", Redaction, compiled)
    except _Unusable as error:
        raise CatalogueError(str(error)) from None
    wrong = next(mistakes_of_rules(defaults_file.errors, defaults=True), None)
    if wrong is not None:
        raise CatalogueError(str(Fault("default_rules.yaml", *_placed(root / "default_rules.yaml", *wrong))))
    defaults = Defaults(RuleBook.of_defaults(defaults_file.errors), defaults_file.wait, defaults_file.model_ids)
    providers: dict[str, Provider] = {}
    faults: list[Fault] = []
    for path in sorted((root / "providers").iterdir(), key=lambda one: one.name):
        if not path.name.endswith(".yaml"):
            continue
        try:
            file = _provider_file(path, compiled)
        except _Unusable as error:
            faults.append(error.fault)
        else:
            providers[file.id] = _ready(file, defaults_file, defaults)
    index, doubled = _index(providers)
    return Catalogue(providers, index, defaults, redaction, (*faults, *doubled))


def _provider_file(path: Traversable, compiled: CompiledFiles) -> ProviderFile:
    file = _decode(path, ProviderFile, compiled)
    wrong = next(mistakes(file, path.name.removesuffix(".yaml")), None)
    if wrong is not None:
        raise _Unusable(Fault(path.name, *_placed(path, *wrong)))
    return file


def _decode(path: Traversable, kind: type[_T], compiled: CompiledFiles) -> _T:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _Unusable(Fault(path.name, "", 0, f"cannot be read: {type(error).__name__}")) from None
    document = compiled.of(path.name, content)
    if document is not None:
        # What is wrong with it is told from the YAML, which has lines.
        with suppress(msgspec.ValidationError):
            return msgspec.json.decode(document, type=kind)
    return _decode_yaml(path, text, kind)


def _decode_yaml(path: Traversable, text: str, kind: type[_T]) -> _T:
    try:
        # CSafeLoader builds plain values only, as SafeLoader does.
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "is not YAML"
        raise _Unusable(Fault(path.name, "", mark.line + 1 if mark else 0, problem)) from None
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        message, field = (found["message"], found["path"] or "") if found else (str(error), "")
        raise _Unusable(Fault(path.name, *_placed(path, field.removeprefix("$").removeprefix("."), message))) from None


def _placed(path: Traversable, field: str, message: str) -> tuple[str, int, str]:
    """A field and a message with the line between them that the field stands in, as near as can be told."""
    node: Any = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    unknown = re.search(r"unknown field `([^`]+)`", message)
    steps = [*_STEP.finditer(field), *(_STEP.finditer(unknown[1]) if unknown else ())]
    line = 1
    for step in steps:
        index, name = step.groups()
        if name and isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == name), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            node = node.value[int(index)]
            line = node.start_mark.line + 1
        else:
            break
    return field, line, message


def _ready(file: ProviderFile, defaults_file: DefaultsFile, defaults: Defaults) -> Provider:
    hosts = frozenset(_hosts(file))
    values = msgspec.structs.asdict(hinted(file, hosts, defaults_file.unmistakable))
    values["shared_hosts"] = tuple(dict.fromkeys((*file.shared_hosts, *defaults_file.shared_hosts)))
    return Provider(
        **values,
        digest=_digest(file, defaults_file),
        rules=RuleBook.of_provider(file.errors),
        defaults=defaults,
        hosts=hosts,
    )


def _hosts(file: ProviderFile) -> Iterator[str]:
    urls = (
        *(one.url for one in file.endpoints),
        *file.other_endpoints.values(),
        *(one.url for one in file.surfaces),
    )
    for url in urls:
        host = urlsplit(url).hostname or ""
        if host and "{" not in host:
            yield host
    yield from (host.lower() for host in file.former_hosts)


def _digest(file: ProviderFile, defaults: DefaultsFile) -> str:
    """What decides a verdict; texts for people are left out, so that a better note proves no key anew."""
    parts = (
        file.id,
        file.endpoints,
        file.other_endpoints,
        file.version,
        file.trim,
        file.paths,
        file.auth,
        msgspec.structs.replace(file.probe, ev="K", src="", caveat=None),
        tuple((one.auth, one.probe) for one in file.alternatives),
        file.wait,
        tuple(_bare(rule) for rule in file.errors),
        tuple(_bare(rule) for rule in defaults.errors),
        defaults.wait,
    )
    return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def _bare(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, ev=None, src="", note="")


def _index(providers: dict[str, Provider]) -> tuple[dict[str, str], list[Fault]]:
    index: dict[str, str] = {fold(known): known for known in providers}
    faults: list[Fault] = []
    for known, provider in providers.items():
        for field, name in names_of(provider):
            owner = index.setdefault(fold(name), known)
            if owner != known:
                faults.append(Fault(f"{known}.yaml", field, 0, f"{name} is a name of {owner} already"))
    return index, faults

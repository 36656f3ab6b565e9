"""A provider's page in words, and the list of all of them as rows."""

from collections.abc import Iterable, Iterator

from llmkeys.catalogue.model import Provider
from llmkeys.explain.page import Credential, Field, Language, Page, text_in
from llmkeys.explain.words import LABELS, PROVES_SHORT

Fact = tuple[str, str]
"""A word and what is said under it."""

HEADS = ("TYPE", "NAME", "KIND", "VARIABLE", "PROBE CHECKS KEYS", "STATE")


def rows_of(entries: Iterable[Provider], language: Language) -> list[tuple[str, ...]]:
    """A row for each provider, in the order of `HEADS`."""
    return [
        (
            entry.id,
            text_in(entry.names, language),
            entry.kind,
            next((name for field in entry.secret_fields for name in field.env), "-"),
            text_in(PROVES_SHORT[entry.probe.authenticated], language),
            entry.lifecycle.state if entry.lifecycle else "-",
        )
        for entry in entries
    ]


class PageText:
    """Writes a page in one language."""

    def __init__(self, page: Page, language: Language) -> None:
        self._page = page
        self._language = language

    def facts(self) -> Iterator[Fact]:
        """The page, a line for each thing that it says; whatever is empty is left out."""
        page = self._page
        found = (
            (page.name, ""),
            self._named("type", page.type),
            self._named("kind", page.kind),
            self._named("also", ", ".join(page.also_called)),
            *self._lifecycle(),
            *self._urls(),
            *(fact for one in page.credentials for fact in self._credential(one)),
            *self._proof(),
            self._named("balance", page.balance),
            *self._getting(),
            self._named("note", page.note),
        )
        return (fact for fact in found if any(fact) and (fact[1] or fact[0] == page.name))

    def _word(self, label: str) -> str:
        return text_in(LABELS[label], self._language)

    def _named(self, label: str, text: str) -> Fact:
        return self._word(label), text

    def _lifecycle(self) -> Iterator[Fact]:
        end = self._page.lifecycle
        if end:
            yield self._named("lifecycle", f"{end.state}, {end.since}")
            yield "", end.note

    def _urls(self) -> Iterator[Fact]:
        page = self._page
        label = self._word("base")
        if page.base_url_required and not page.base_urls:
            yield label, self._word("yours")
        for one in page.base_urls:
            yield label, f"{one.region}: {one.url}" + (f" ({self._word('default')})" if one.default else "")
            label = ""
        yield self._named("other", ", ".join(f"{name}: {url}" for name, url in page.other_urls.items()))
        yield self._named("variables", ", ".join(page.base_url_variables))
        yield self._named("chat", page.chat)
        yield self._named("models", page.models)

    def _credential(self, one: Credential) -> Iterator[Fact]:
        label = f"{self._word('or')} {one.name}" if one.name else self._word("credential")
        yield label, f"{one.scheme} ({one.carrier})" if one.carrier else one.scheme
        for field in one.fields:
            yield self._named("field", self._field(field))
        for field in one.settings:
            yield self._named("setting", self._field(field))

    def _field(self, field: Field) -> str:
        words = [self._word("required" if field.required else "optional")]
        words += [self._word("several")] if field.several else []
        words += [self._word("document")] if field.document else []
        words += [f"{self._word('begins')} {', '.join(field.prefixes)}"] if field.prefixes else []
        words += [f"{self._word('default')} {field.default}"] if field.default else []
        words += [field.note] if field.note else []
        variables = f" = {', '.join(field.variables)}" if field.variables else ""
        return f"{field.name}{variables} ({'; '.join(words)})"

    def _proof(self) -> Iterator[Fact]:
        proof = self._page.proof
        yield self._named("proof", f"{proof.request} ({proof.cost})")
        yield self._named("proves", proof.proves)
        yield self._named("sure", f"{proof.evidence}: {proof.sure}" + (f" ({proof.src})" if proof.src else ""))
        yield self._named("caveat", proof.caveat)

    def _getting(self) -> Iterator[Fact]:
        how = self._page.get_a_key
        yield self._named("console", how.console)
        yield "", how.other_console
        yield self._named("how", how.how)
        yield self._named("free", how.free)

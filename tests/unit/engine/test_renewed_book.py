"""Renewed files in their Secret: which stay, which make room, and what becomes of writes at the same time."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from llmkeys.crypto.at_rest import key_id_at_rest
from llmkeys.crypto.ring import Ring
from llmkeys.engine.effects import ApiUnavailableError, ConflictError
from llmkeys.engine.keyring import KeyRingHolder, keyring_of
from llmkeys.engine.renewed_book import MOST_BYTES, MOST_FILES, RenewedBook, RenewedFile
from llmkeys.kube.renewed_files import RenewedFiles
from llmkeys.kube.ring_objects import OwnObject, OwnObjects
from tests.unit.engine.virtual import run
from tests.unit.engine.world import ENVELOPE, SEALING, UNSEALER

BIG = "x" * 100_000


class SlowSecret:
    """The operator's Secret behind an API server that takes a second for a read and for a write.

    Args:
        reads: seconds that the next reads take, after they have seen what is there.
        failures: of the next writes.

    """

    def __init__(self) -> None:
        self.namespace = "llmkeys-system"
        self.data: dict[str, bytes] | None = None
        self.version = 0
        self.writes = 0
        self.reads: list[float] = []
        self.failures: list[Exception] = []

    async def read(self, resource: Any, name: str) -> OwnObject | None:
        found = None if self.data is None else OwnObject(resource, name, "uid", str(self.version), True, self.data)
        await asyncio.sleep(self.reads.pop(0) if self.reads else 1)
        return found

    async def create(self, _resource: str, _name: str, data: Mapping[str, bytes]) -> None:
        await self._put(data, None)

    async def replace(self, found: OwnObject, data: Mapping[str, bytes]) -> None:
        await self._put(data, found.resource_version)

    async def _put(self, data: Mapping[str, bytes], version: str | None) -> None:
        await asyncio.sleep(1)
        if self.failures:
            raise self.failures.pop(0)
        if version != (None if self.data is None else str(self.version)):
            raise ConflictError("changed")
        self.data = dict(data)
        self.version += 1
        self.writes += 1


class Owners:
    """Those that are known, and how often somebody wanted to know."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.asked = 0

    def __call__(self) -> set[str]:
        self.asked += 1
        return self.known


def book_of(secret: SlowSecret, owners: Owners | None = None, ring: Ring = SEALING) -> RenewedBook:
    keys = KeyRingHolder(keyring_of(ring, ENVELOPE, UNSEALER))
    return RenewedBook(RenewedFiles(cast("OwnObjects", secret)), keys, owners or Owners())


def file(renewed: float = 1.0, text: str = "{}") -> RenewedFile:
    return RenewedFile("original", text, renewed)


async def there(book: RenewedBook, places: Iterable[str]) -> set[str]:
    return {place for place in places if await book.find(place, "original") is not None}


async def filled(secret: SlowSecret, files: Mapping[str, RenewedFile]) -> None:
    book = book_of(secret)
    await asyncio.gather(*(book.put(place, one) for place, one in files.items()))


# -- what stays -----------------------------------------------------------------------------------------------


def test_what_belongs_to_nobody_that_is_known_now_stays_while_there_is_room() -> None:
    async def story() -> None:
        owners = Owners("mine")
        book = book_of(SlowSecret(), owners)
        await book.put("theirs.1", file())
        await book.put("mine.1", file())
        await book.prepare()
        await book.seal_anew()
        assert book.has_room("mine.2", "{}")
        assert await there(book, ("theirs.1", "mine.1")) == {"theirs.1", "mine.1"}
        assert owners.asked == 0

    run(story())


def test_in_a_full_secret_that_makes_room_which_belongs_to_nobody_and_was_renewed_longest_ago() -> None:
    async def story() -> None:
        secret, owners = SlowSecret(), Owners("mine")
        kept = {f"mine.{number}": file(1.0) for number in range(MOST_FILES - 3)}
        gone = {"gone.a": file(30.0), "gone.b": file(10.0), "gone.c": file(20.0)}
        await filled(secret, kept | gone)
        book = book_of(secret, owners)
        await book.put("mine.new", file())
        assert set(secret.data or ()) == {*kept, "gone.a", "gone.c", "mine.new"}
        await book.put("mine.newer", file())
        assert set(secret.data or ()) == {*kept, "gone.a", "mine.new", "mine.newer"}

    run(story())


def test_bytes_are_room_too() -> None:
    async def story() -> None:
        secret, owners = SlowSecret(), Owners("mine")
        kept = {f"mine.{number}": file(1.0, BIG) for number in range(5)}
        await filled(secret, kept | {"gone.a": file(30.0, BIG), "gone.b": file(10.0, BIG)})
        book = book_of(secret, owners)
        await book.prepare()
        assert book.has_room("mine.new", BIG)
        await book.put("mine.new", file(1.0, BIG))
        assert set(secret.data or ()) == {*kept, "gone.a", "mine.new"}
        assert sum(map(len, (secret.data or {}).values())) <= MOST_BYTES
        owners.known.add("gone")
        assert not book.has_room("mine.newer", BIG)

    run(story())


@pytest.mark.parametrize(("known", "room"), [(("mine",), True), (("mine", "other"), False)])
def test_there_is_room_where_something_belongs_to_nobody(known: tuple[str, ...], room: bool) -> None:
    async def story() -> None:
        secret = SlowSecret()
        await filled(secret, {f"mine.{number}": file() for number in range(MOST_FILES - 1)} | {"other.1": file()})
        book = book_of(secret, Owners(*known))
        await book.prepare()
        assert len(secret.data or ()) == MOST_FILES
        assert book.has_room("mine.new", "{}") is room
        assert book.has_room("mine.1", "{}"), "it has its place already"

    run(story())


def test_what_belongs_to_somebody_never_makes_room_for_what_is_already_spent() -> None:
    async def story() -> None:
        secret = SlowSecret()
        await filled(secret, {f"mine.{number}": file() for number in range(MOST_FILES)})
        await book_of(secret, Owners("mine")).put("mine.new", file())
        assert len(secret.data or ()) == MOST_FILES + 1

    run(story())


def test_what_does_not_open_stays_and_is_written_for_no_new_key() -> None:
    async def story() -> None:
        secret = SlowSecret()
        await book_of(secret, ring=Ring.first("sealing", 1.0)).put("mine.1", file())
        before, book = dict(secret.data or {}), book_of(secret)
        await book.seal_anew()
        assert secret.writes == 1
        await book.put("mine.2", file())
        assert (secret.data or {})["mine.1"] == before["mine.1"]

    run(story())


# -- at the same time -----------------------------------------------------------------------------------------


def test_many_files_at_once_are_all_kept_in_few_writes() -> None:
    async def story() -> None:
        secret = SlowSecret()
        book = book_of(secret)
        places = [f"mine.{number}" for number in range(40)]
        await asyncio.gather(*(book.put(place, file()) for place in places))
        assert secret.writes <= 2
        assert await there(book, places) == set(places)
        assert await there(book_of(secret), places) == set(places)

    run(story())


def test_what_one_looks_into_the_secret_for_never_conflicts_with_another() -> None:
    async def story() -> None:
        secret = SlowSecret()
        book = book_of(secret)
        await asyncio.gather(*(book.prepare() for _ in range(20)), *(book.put(f"mine.{n}", file()) for n in range(20)))
        assert secret.writes == secret.version
        assert len(secret.data or ()) == 20

    run(story())


def test_a_file_whose_carrier_failed_is_written_by_itself() -> None:
    async def story() -> None:
        secret = SlowSecret()
        book = book_of(secret)
        secret.failures = [ApiUnavailableError("away")]
        first, second = await asyncio.gather(
            book.put("mine.1", file()), book.put("mine.2", file()), return_exceptions=True
        )
        assert isinstance(first, ApiUnavailableError)
        assert second is None
        assert await there(book, ("mine.1", "mine.2")) == {"mine.1", "mine.2"}

    run(story())


def test_an_answer_from_before_a_write_does_not_hide_what_was_written() -> None:
    async def story() -> None:
        secret = SlowSecret()
        await filled(secret, {"mine.1": file(1.0)})
        book = book_of(secret)
        secret.reads = [10.0]
        looking = asyncio.create_task(book.find("mine.1", "original"))
        await asyncio.sleep(0)
        await book.put("mine.1", file(2.0))
        await looking
        found = await book.find("mine.1", "original")
        assert found is not None
        assert found.renewed == 2.0

    run(story())


# -- after another controller ---------------------------------------------------------------------------------


def test_after_it_forgot_it_finds_what_another_wrote_meanwhile() -> None:
    async def story() -> None:
        secret = SlowSecret()
        await filled(secret, {"mine.1": file(1.0)})
        book, other = book_of(secret), book_of(secret)
        await book.find("mine.1", "original")
        await other.put("mine.1", file(2.0))
        book.forget()
        found = await book.find("mine.1", "original")
        assert found is not None
        assert found.renewed == 2.0

    run(story())


def test_what_was_sealed_to_an_older_key_is_sealed_anew() -> None:
    async def story() -> None:
        secret = SlowSecret()
        await filled(secret, {"mine.1": file(), "gone.1": file()})
        rotated = SEALING.rotate(2.0)
        book = book_of(secret, Owners("mine"), rotated)
        await book.seal_anew()
        active = keyring_of(rotated, ENVELOPE, UNSEALER).sealing.active.key_id
        assert {key_id_at_rest(sealed) for sealed in (secret.data or {}).values()} == {active}
        assert await there(book, ("mine.1", "gone.1")) == {"mine.1", "gone.1"}

    run(story())

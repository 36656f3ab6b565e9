import asyncio

import pytest

from llmkeys.unsealer.cache import ExpiringCache


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.at = 0.0
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None
        self.cache = ExpiringCache[str, int](lambda _: 10.0, 2, lambda: self.at)

    async def ask(self) -> int:
        self.asked += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return self.asked

    async def get(self, key: str = "a") -> int:
        return await self.cache.get(key, self.ask)


async def test_an_answer_is_remembered_for_its_lifetime_and_no_longer() -> None:
    source = Source()
    assert await source.get() == 1
    source.at = 9.9
    assert await source.get() == 1
    source.at = 10.0
    assert await source.get() == 2


async def test_the_lifetime_begins_with_the_question_because_the_answer_may_be_slow() -> None:
    source = Source()
    source.go.clear()
    first = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.at = 9.0
    source.go.set()
    assert await first == 1
    source.at = 10.0
    assert await source.get() == 2


async def test_those_who_ask_at_once_share_one_question() -> None:
    source = Source()
    assert await asyncio.gather(*(source.get() for _ in range(5))) == [1] * 5
    assert source.asked == 1


async def test_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    source.go.clear()
    impatient, patient = asyncio.create_task(source.get()), asyncio.create_task(source.get())
    await asyncio.sleep(0)
    impatient.cancel()
    source.go.set()
    assert await patient == 1
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_an_error_is_not_remembered() -> None:
    source = Source()
    source.error = OSError("away")
    with pytest.raises(OSError, match="away"):
        await source.get()
    source.error = None
    assert await source.get() == 2


async def test_it_holds_so_many_and_drops_the_oldest() -> None:
    source = Source()
    for key in "abc":
        await source.get(key)
    assert await source.get("c") == 3
    assert await source.get("a") == 4


async def test_it_tells_what_memory_answered() -> None:
    told: list[bool] = []
    source = Source()
    cache = ExpiringCache[str, int](lambda _: 10.0, 2, lambda: 0.0, told.append)
    await cache.get("a", source.ask)
    await cache.get("a", source.ask)
    assert told == [False, True]

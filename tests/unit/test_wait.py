import asyncio

import pytest

from tests.support.wait import eventually, eventually_async


def test_the_first_true_value_is_returned() -> None:
    values = iter([0, None, "", 7, 8])

    assert eventually(lambda: next(values), every=0) == 7


def test_a_failed_assertion_counts_as_not_yet() -> None:
    left = [1, 2]

    def check() -> bool:
        assert not left.pop(), "not yet"
        return True

    left.insert(0, 0)
    assert eventually(check, every=0)


def test_the_last_value_seen_is_in_the_failure() -> None:
    with pytest.raises(AssertionError, match=r"^the Secret did not come true within 0 s; last seen: \[\]$"):
        eventually(list, timeout=0, message="the Secret")


def test_the_last_failed_assertion_is_in_the_failure() -> None:
    def check() -> bool:
        raise AssertionError("two of three")

    with pytest.raises(AssertionError, match="last seen: AssertionError: two of three"):
        eventually(check, timeout=0)


def test_another_error_ends_the_wait_at_once() -> None:
    def check() -> bool:
        raise LookupError("broken check")

    with pytest.raises(LookupError, match="broken check"):
        eventually(check)


async def test_a_coroutine_is_waited_for_too() -> None:
    values = iter([0, 5])

    async def check() -> int:
        return next(values)

    assert await eventually_async(check, every=0) == 5


async def test_a_coroutine_that_never_comes_true_fails_with_the_last_value() -> None:
    async def check() -> str:
        return ""

    with pytest.raises(AssertionError, match=r"the table did not come true within 0\.02 s; last seen: ''"):
        await eventually_async(check, timeout=0.02, every=0.001, message="the table")


async def test_a_hanging_check_is_cut_off_at_the_deadline() -> None:
    async def check() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(AssertionError, match="never finished"):
        await eventually_async(check, timeout=0.02)


async def test_a_timeout_of_the_check_itself_is_not_taken_for_ours() -> None:
    async def check() -> bool:
        raise TimeoutError("of the check")

    with pytest.raises(TimeoutError, match="of the check"):
        await eventually_async(check, timeout=10)

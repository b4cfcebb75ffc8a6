"""What tasks ask at the same time is one call; what fails together is tried alone."""

import asyncio
from collections.abc import Sequence

import pytest

from processors.notificator.batches import Batch


class Book:
    """Doubles numbers; refuses a batch that has a negative one."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def double(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if min(items) < 0:
            raise ValueError(min(items))
        return [2 * item for item in items]

    def ask(self, *items: int, is_passing: bool = False) -> list[int | BaseException]:
        async def ask() -> list[int | BaseException]:
            batch = Batch(self.double, lambda _: is_passing)
            return await asyncio.gather(*map(batch.do, items), return_exceptions=True)

        return asyncio.run(ask())


def test_one_call_answers_all_who_ask_at_once() -> None:
    book = Book()
    assert book.ask(1, 2, 3) == [2, 4, 6]
    assert book.batches == [[1, 2, 3]]


def test_what_comes_meanwhile_is_the_next_batch() -> None:
    book = Book()

    async def ask() -> None:
        batch = Batch(book.double, lambda _: False)
        first = asyncio.create_task(batch.do(1))
        while not book.batches:
            await asyncio.sleep(0)
        assert [*await asyncio.gather(first, batch.do(2), batch.do(3))] == [2, 4, 6]
        assert await batch.do(4) == 8

    asyncio.run(ask())
    assert book.batches == [[1], [2, 3], [4]]


def test_one_bad_item_fails_alone() -> None:
    answers = Book().ask(1, -1, 3)
    assert isinstance(answers.pop(1), ValueError)
    assert answers == [2, 6]


@pytest.mark.parametrize("items", [(1, -1), (-1,)])
def test_an_error_that_passes_is_everybodys(items: tuple[int, ...]) -> None:
    book = Book()
    answers = book.ask(*items, is_passing=True)
    assert all(isinstance(each, ValueError) for each in answers)
    assert len(book.batches) == 1

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading ahead hands on what was made, in order, errors in their place, and leaves no thread behind."""

from __future__ import annotations

import threading
import typing as t

import pytest
from ansible.module_utils.upkeep.log_review.ahead import WAITING, ahead
from ansible.module_utils.upkeep.log_review.errors import UnreadableError

SOON: t.Final = 10.0


class Source:
    """Makes numbered blocks, and knows how many it made and whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.made = 0
        self.closed = threading.Event()

    def blocks(self) -> t.Generator[bytes, None, None]:
        try:
            for number in range(self.count):
                self.made += 1
                yield b"%d" % number
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, WAITING, 100])
def test_all_blocks_in_their_order(count: int) -> None:
    assert list(ahead(Source(count).blocks())) == numbers(count)


def test_an_error_comes_after_the_blocks_before_it() -> None:
    seen = []
    with pytest.raises(UnreadableError, match="is damaged"):
        for block in ahead(Source(20, UnreadableError("the file is damaged")).blocks()):
            seen.append(block)
    assert seen == numbers(20)


def test_closing_early_closes_the_source_and_leaves_no_thread() -> None:
    before = threading.active_count()
    source = Source(10_000)
    reader = ahead(source.blocks())

    assert next(reader) == b"0"

    reader.close()

    assert source.closed.is_set()
    assert source.made < 20
    assert threading.active_count() == before


def test_no_more_than_a_few_blocks_wait() -> None:
    most = threading.Semaphore(0)

    def counted() -> t.Generator[bytes, None, None]:
        for number in range(1000):
            most.release()
            yield b"%d" % number

    reader = ahead(counted())
    next(reader)
    # One is here, WAITING wait, one is in the maker's hand; the one after that is never begun.
    for _ in range(WAITING + 2):
        assert most.acquire(timeout=SOON)

    assert not most.acquire(timeout=0.2)

    reader.close()

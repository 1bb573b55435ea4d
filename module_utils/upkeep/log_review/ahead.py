# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading ahead: the next blocks are made in a thread while the last one is searched.

Unpacking leaves the interpreter free (zlib, bz2 and lzma give its lock back), so that a second core
can do it.
"""

from __future__ import annotations

import queue
import sys
import threading
import typing as t

#: Blocks that wait at most; with those being made and searched they bound the memory.
WAITING: t.Final = 2
#: Seconds after which the search lets the thread go on; the usual 5 ms, a few times a block, would
#: cost more than all the unpacking.
_TURN: t.Final = 1e-4


class _End:
    """The last thing a thread says: that there is no more, or why."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(
    blocks: t.Generator[bytes, None, None], waiting: int = WAITING
) -> t.Generator[bytes, None, None]:
    """Yield what ``blocks`` yields, made by a thread.

    Its error is raised here, after the blocks before it.

    Closing the generator early closes ``blocks``, too, in the thread that made them, and waits for
    that.
    """
    made: queue.Queue[bytes | _End] = queue.Queue(waiting)
    closed = threading.Event()
    maker = threading.Thread(target=_make, args=(blocks, made, closed), daemon=True)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    maker.start()

    try:
        while not isinstance(block := made.get(), _End):
            yield block
        if block.error is not None:
            raise block.error
    finally:
        closed.set()
        _empty(made)
        maker.join()
        sys.setswitchinterval(usual)


def _make(
    blocks: t.Generator[bytes, None, None], made: queue.Queue[bytes | _End], closed: threading.Event
) -> None:
    try:
        for block in blocks:
            made.put(block)
            if closed.is_set():
                blocks.close()
                return
        made.put(_End(None))
    except BaseException as error:  # the reader raises it
        made.put(_End(error))


def _empty(made: queue.Queue[bytes | _End]) -> None:
    """Make room for what the thread may be about to put: after ``closed`` it puts at most one thing more."""
    try:
        while True:
            made.get_nowait()
    except queue.Empty:
        return

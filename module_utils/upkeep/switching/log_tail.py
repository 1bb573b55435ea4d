# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written to a log from now on: errors, and requests of visitors."""

from __future__ import annotations

import os
import subprocess
import time
import typing as t
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..base import isolated
from ..base.files import open_regular
from ..base.isolated import IsolatedError
from ..base.redact import redact
from ..base.text import limit_text, visible
from .settings import Window

#: So much of a log is read at a time, bytes.
_MOST: t.Final = 4 << 20
#: So many lines with errors are kept, of so many characters.
_KEPT: t.Final = 20
_LONGEST: t.Final = 300
#: A line is cut here, characters.
_LONGEST_LINE: t.Final = 1 << 16
#: So many lines of the journal are counted at a time.
_AT_A_TIME: t.Final = 1000
#: How long one reading may take, and the last one of a confirmation, s.
_SECONDS: t.Final = 10.0
LAST_READING: t.Final = 60.0
#: With the time in which an isolated process ends, s.
READING_SECONDS: t.Final = _SECONDS + 2 * isolated.GRACE
#: What a process yields: counts of a part, and the place up to which all was read.
_COUNTED: t.Final = "counted"
_PLACE: t.Final = "place"
_CURSOR: t.Final = "-- cursor: "


@dataclass(frozen=True)
class _Counts:
    """What was found in a part of a log."""

    errors: tuple[str, ...] = ()
    error_count: int = 0
    traffic: int = 0

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            (*self.errors, *other.errors)[:_KEPT],
            self.error_count + other.error_count,
            self.traffic + other.traffic,
        )


class LogTail:
    """Reads what a file, or the journal of units without one, gets from now on.

    A part that could not be read to its end in time is read again by the next call; ``unread`` is
    why, '' once everything was read. What it has shown so far counts as long as that.
    """

    def __init__(self, window: Window, units: Sequence[str], now: float | None = None) -> None:
        self._window = window
        self._units = units
        self._since = time.time() if now is None else now
        #: Offset in the file, or cursor of the journal.
        self._place: t.Any = self._size() if window.log else ""
        self._read = self._found = _Counts()
        self.unread = ""

    @property
    def errors(self) -> list[str]:
        """The first lines with errors."""
        return list(self._found.errors)

    @property
    def error_count(self) -> int:
        """How many lines had an error."""
        return self._found.error_count

    @property
    def traffic(self) -> int:
        """How many lines were requests of visitors."""
        return self._found.traffic

    def read(self, seconds: float = _SECONDS) -> None:
        """Count what came since the last time; a file that is refused counts as one error."""
        work = self._file_work() if self._window.log else self._journal_work()
        values, self.unread = isolated.run(lambda: work, seconds)
        found = _Counts()
        for kind, *value in values:
            if kind == _COUNTED:
                found += _Counts(tuple(value[0]), value[1], value[2])
            else:
                self._place = value[0]

        self._found = self._read + found
        if not self.unread:
            self._read = self._found

    def _file_work(self) -> Iterator[list[t.Any]]:
        """Yield what is found in the file, then the offset up to which it was read."""
        offset = self._place
        try:
            with open_regular(self._window.log) as stream:
                size = os.fstat(stream.fileno()).st_size
                offset = offset if size >= offset else 0
                stream.seek(offset)
                while block := stream.read(_MOST):
                    whole, newline, _ = block.rpartition(b"\n")
                    if not newline and len(block) < _MOST:
                        break
                    whole = whole if newline else block  # a line without end is cut
                    offset += len(whole) + len(newline)
                    stream.seek(offset)
                    yield self._counted(whole.decode("utf-8", "replace").splitlines())
        except FileNotFoundError:
            offset = 0  # it may come back
        except OSError as error:
            yield [_COUNTED, [f"the log cannot be read: {error}"], 1, 0]

        yield [_PLACE, offset]

    def _journal_work(self) -> Iterator[list[t.Any]]:
        """Yield what is found in the journal, then the cursor up to which it was read."""
        argv = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--show-cursor"]
        argv += [f"--after-cursor={self._place}" if self._place else f"--since=@{self._since:.3f}"]
        argv += [f"--unit={unit}" for unit in self._units]
        said = os.memfd_create("stderr")
        try:
            process = subprocess.Popen(  # noqa: S603 - an argv list
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise IsolatedError(f"journalctl cannot be run: {error.strerror}") from error

        place = self._place
        with process:
            stream = t.cast("t.TextIO", process.stdout)
            read = iter(lambda: stream.readline(_LONGEST_LINE), "")
            while lines := list(islice(read, _AT_A_TIME)):
                if lines[-1].startswith(_CURSOR):  # the last line of all
                    place = lines.pop().removeprefix(_CURSOR).strip()
                yield self._counted(line.rstrip("\n") for line in lines)
        # Some versions end with 1, and say nothing, where a unit has no entry.
        if process.returncode and (process.returncode != 1 or os.fstat(said).st_size):
            reason = " ".join(os.pread(said, _LONGEST, 0).decode("utf-8", "replace").split())
            raise IsolatedError(reason or f"journalctl ended with {process.returncode}")

        yield [_PLACE, place]

    def _counted(self, lines: Iterable[str]) -> list[t.Any]:
        errors: list[str] = []
        count = traffic = 0
        for line in lines:
            if self._window.error_pattern.search(line):
                count += 1
                if len(errors) < _KEPT:
                    errors.append(limit_text(redact(visible(line)), _LONGEST))
            elif self._window.traffic_pattern and self._window.traffic_pattern.search(line):
                traffic += 1

        return [_COUNTED, errors, count, traffic]

    def _size(self) -> int:
        try:
            with open_regular(self._window.log) as stream:
                return os.fstat(stream.fileno()).st_size
        except OSError:
            return 0  # it may come with the new release


def journal(units: Sequence[str], since: float, lines: int | None = None) -> str:
    """Return what units wrote to the journal since a moment; raises OSError, SubprocessError."""
    argv = ["journalctl", "--no-pager", "--output=cat", f"--since=@{since:.3f}"]
    argv += [f"--unit={unit}" for unit in units]
    argv += [f"--lines={lines}"] if lines else []
    done = subprocess.run(  # noqa: S603 - an argv list
        argv, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
    )

    return done.stdout[-_MOST:].decode("utf-8", "replace")

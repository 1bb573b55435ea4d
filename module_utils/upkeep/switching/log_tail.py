# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written to a log from now on: errors, and requests of visitors."""

from __future__ import annotations

import os
import subprocess
import time
import typing as t
from collections.abc import Sequence

from ..base import isolated
from ..base.files import open_regular
from ..base.redact import redact
from ..base.text import limit_text, visible
from .settings import Window

#: So much of a log is read at a time, bytes.
_MOST: t.Final = 4 << 20
#: So many lines with errors are kept, of so many characters.
_KEPT: t.Final = 20
_LONGEST: t.Final = 300
_SECONDS: t.Final = 10.0


class LogTail:
    """Reads what a file, or the journal of units without one, gets from now on."""

    def __init__(self, window: Window, units: Sequence[str], now: float | None = None) -> None:
        self._window = window
        self._units = units
        self._since = time.time() if now is None else now
        self._offset = self._size()
        self.errors: list[str] = []
        self.error_count = 0
        self.traffic = 0

    def read(self) -> None:
        """Count what came since the last time; a log that cannot be read counts as one error."""
        text, problem = self._new_text()
        for line in text.splitlines():
            if self._window.error_pattern.search(line):
                self._note(line)
            elif self._window.traffic_pattern and self._window.traffic_pattern.search(line):
                self.traffic += 1

        if problem:
            self._note(f"the log cannot be read: {problem}")

    def _note(self, line: str) -> None:
        self.error_count += 1
        if len(self.errors) < _KEPT:
            self.errors.append(limit_text(redact(visible(line)), _LONGEST))

    def _size(self) -> int:
        if not self._window.log:
            return 0

        try:
            with open_regular(self._window.log) as stream:
                return os.fstat(stream.fileno()).st_size
        except OSError:
            return 0  # it may come with the new release

    def _new_text(self) -> tuple[str, str]:
        if not self._window.log:
            return self._new_journal()

        path, offset = self._window.log, self._offset
        answers, problem = isolated.run(lambda: [_read_on(path, offset)], _SECONDS)
        if not answers:
            return "", problem

        text, self._offset = answers[0]

        return text, ""

    def _new_journal(self) -> tuple[str, str]:
        since, self._since = self._since, time.time()
        try:
            text = journal(self._units, since)
        except (OSError, subprocess.SubprocessError) as error:
            return "", str(error)

        return text, ""


def _read_on(path: str, offset: int) -> tuple[str, int]:
    """Return what a log has beyond an offset, and the new offset; a rotated one from its start."""
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            start = offset if size >= offset else 0
            stream.seek(start)
            data = stream.read(_MOST)
    except FileNotFoundError:
        return "", 0

    whole, newline, _ = data.rpartition(b"\n")

    return whole.decode("utf-8", "replace"), start + len(whole) + len(newline)


def journal(units: Sequence[str], since: float, lines: int | None = None) -> str:
    """Return what units wrote to the journal since a moment; raises OSError, SubprocessError."""
    argv = ["journalctl", "--no-pager", "--output=cat", f"--since=@{since:.3f}"]
    argv += [f"--unit={unit}" for unit in units]
    argv += [f"--lines={lines}"] if lines else []
    done = subprocess.run(  # noqa: S603 - an argv list
        argv, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
    )

    return done.stdout[-_MOST:].decode("utf-8", "replace")

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counts the rows of each table in what ``pg_restore --data-only --file=-`` writes."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable

#: A table: its schema and its name.
TableName = tuple[str, str]

_END: t.Final = b"\n\\.\n"
_IDENTIFIER: t.Final = r'(?:"(?:[^"]|"")*"|[^\s".(]+)'
_COPY: t.Final = re.compile(
    rf"COPY ({_IDENTIFIER})\.({_IDENTIFIER}) (?:\((?:[^\"]|\"(?:[^\"]|\"\")*\")*?\) )?FROM stdin;\Z"
)
#: A statement that is longer does not begin a table's data, bytes.
_LONGEST: t.Final = 1 << 20


def count_rows(chunks: Iterable[bytes]) -> dict[TableName, int]:
    """Return the rows of each table; a table whose data are cut off is left out."""
    counter = _RowCounter()
    for chunk in chunks:
        counter.feed(chunk)

    return counter.found


class _RowCounter:
    """Finds the data of tables in a stream: between ``COPY ... FROM stdin;`` and a line ``\\.``."""

    def __init__(self) -> None:
        self.found: dict[TableName, int] = {}
        self._table: TableName | None = None
        self._rows = 0
        self._statement = b""
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        self._rest += chunk
        while self._end_table() if self._table else self._next_line():
            pass

    def _end_table(self) -> bool:
        """Count the rows that are there; return whether the data of the table end among them."""
        end = self._rest.find(_END)
        if end < 0:
            kept = len(_END) - 1
            self._rows += self._rest.count(b"\n", 0, max(len(self._rest) - kept, 0))
            self._rest = self._rest[-kept:]
            return False

        self._rows += self._rest.count(b"\n", 0, end + 1)
        if self._table:
            self.found[self._table] = self.found.get(self._table, 0) + self._rows
        self._table = None
        self._rest = self._rest[end + len(_END) :]

        return True

    def _next_line(self) -> bool:
        """Read the next line, which may begin the data of a table; return whether there was one.

        A name may hold a line break, so a statement may have several lines.
        """
        end = self._rest.find(b"\n")
        if end < 0:
            if not self._rest.startswith(b"COPY "[: len(self._rest)]) and not self._statement:
                self._rest = b"-"  # a long line of something else
            return False

        line = self._rest[:end]
        if self._statement or line.startswith(b"COPY "):
            self._statement += (b"\n" if self._statement else b"") + line
            match = _COPY.match(self._statement.decode("utf-8", "replace"))
            if match:
                self._table = _unquoted(match[1]), _unquoted(match[2])
                self._rows, self._statement = -1, b""  # the line break of COPY is counted as well
                self._rest = self._rest[end:]
                return True
            if len(self._statement) > _LONGEST:
                self._statement = b""

        self._rest = self._rest[end + 1 :]

        return True


def _unquoted(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier

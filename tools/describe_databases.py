# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done with databases and when, in words: PostgreSQL and SQLite."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence

from tools.describe_entries import Entry, Row, code, codes, filled


def postgresql(databases: Sequence[Entry]) -> Iterator[Row]:
    """Yield each aspect of each PostgreSQL database that is looked after."""
    for database in filled("databases", databases):
        for aspect, describe in _POSTGRESQL.items():
            if entry := database[aspect]:
                cells = [code(database["name"]), aspect.replace("_", " "), describe(entry)]
                yield cells, entry["requirements"]


def sqlite(databases: Sequence[Entry]) -> Iterator[Row]:
    """Yield each aspect of each SQLite file that is looked after."""
    for database in filled("sqlite_databases", databases):
        for aspect, describe in _SQLITE.items():
            if entry := database[aspect]:
                ids = entry["requirements"] or database["requirements"]
                name = aspect.replace("wal", "write-ahead log")
                yield [code(database["path"]), name, describe(entry)], ids


def _analyze(entry: Entry) -> str:
    share = entry["min_changed_percent"]
    of = f" and {share:g} % of its rows" if share else ""

    return f"a table changed{of}, and its statistics are {entry['due_after_days']:g} days old"


def _vacuum(entry: Entry) -> str:
    return (
        f"above {entry['dead_tuple_percent']:g} % dead rows and {entry['dead_tuples_min']} of them,"
        f" or dead or new rows and {entry['due_after_days']:g} days since the last time"
    )


def _reindex(entry: Entry) -> str:
    names = codes(entry["indexes"]) or "every B-tree index"

    return (
        f"{names}: above {entry['bloat_percent']:g} % unused, from {entry['min_size_mb']:g} MB on;"
        " nobody is blocked"
    )


def _connections(entry: Entry) -> str:
    words = {"warning_percent": "warning", "critical_percent": "critical"}
    limits = [f"{word} above {entry[key]:g} %" for key, word in words.items() if entry[key]]

    return ", ".join(limits) or "reported"


def _statements(entry: Entry) -> str:
    limit = entry["warning_ms"]
    warning = f"; above {limit:g} ms on average is a warning" if limit else ""

    return f"the {entry['show']} slowest are reported{warning}"


def _index_use(entry: Entry) -> str:
    reported = (
        f"indexes not used in {entry['least_days']:g} days and tables read whole are reported"
    )
    limit = entry["warning_mb"]

    return reported if limit is None else f"{reported}; above {limit:g} MB is a warning"


_POSTGRESQL: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "analyze": _analyze,
    "vacuum": _vacuum,
    "reindex": _reindex,
    "sizes": lambda _entry: "reported",
    "connections": _connections,
    "long_running": lambda entry: (
        f"a transaction open for {entry['warning_seconds']:g} s is a warning"
    ),
    "statements": _statements,
    "index_use": _index_use,
}

_SQLITE: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "analyze": lambda entry: f"{entry['changed_percent']:g} % of the rows changed",
    "vacuum": lambda entry: (
        f"{entry['free_percent']:g} % is free, and {entry['min_free_mb']:g} MB at least"
    ),
    "wal": lambda entry: f"emptied above {entry['max_mb']:g} MB",
}

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``database_address``: which database is an application given, and does SQLite do instead?

The address is shown without user and password. A server that it names has a check of its own.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import typing as t
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

from ...base.deadline import Deadline
from ...base.files import read_text, reason_of
from ...base.options import option
from ...base.text import visible
from ...findings import Finding
from ..check import Check, ProbeError
from ..kind import NEVER, OTHERWISE, Kind, Row

UNREADABLE: t.Final = "an address that cannot be read"
#: A file of variables is small, bytes.
_LARGEST: t.Final = 1 << 20
# As systemd reads it: without ``export``, and what looks like a comment belongs to the value.
_LINE: t.Final = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*")
_PLAIN: t.Final = re.compile(r"[A-Za-z0-9_.:/+\[\]-]{1,200}")


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield which database is configured; without a server the SQLite file has to answer."""
    variable, file = check.options["variable"], check.options["file"]
    address = _value(file, variable)
    if address and not address.startswith("sqlite"):
        place = _public(address)
        message = f"{variable} in {file} is set, to {place}"
        yield check.finding("ok", message, observed=place)
        return

    if check.options["sqlite"] is None:
        message = f"{variable} in {file} is not set: the application has no database"
        raise ProbeError("critical", message, observed="not set")

    number = _tables(Path(check.options["sqlite"]), deadline)
    message = f"{variable} names no server, so {check.options['sqlite']} serves: it answers"
    yield check.finding("ok", f"{message} with {number} tables", observed="SQLite")


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    sqlite = check.options["sqlite"]
    instead = f", else `{sqlite}` answers" if sqlite else ""
    asks = f"`{check.options['variable']}` in `{check.options['file']}` names a database{instead}"
    yield Row(check.id, asks, NEVER, OTHERWISE)


def _value(file: str, variable: str) -> str:
    """Return the last value that a file of variables gives a variable, '' for none.

    Raises ProbeError for a file that cannot be read.
    """
    try:
        text = read_text(file, _LARGEST, trusted_links=True, errors="replace")
    except FileNotFoundError as error:
        raise ProbeError("critical", f"{file} does not exist", observed="missing") from error
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise ProbeError("unknown", f"{file} cannot be read: {reason}") from error

    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    values = [match["value"] for match in matches if match and match["name"] == variable]
    value = values[-1] if values else ""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"

    return value[1:-1] if is_quoted else value


def _public(address: str) -> str:
    """Return scheme, host and database of an address; what could be a secret is left out.

    A password with one of ``#/?`` in it would end what stands before the host too early, and its
    beginning be taken for the port.
    """
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return UNREADABLE

    place = f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    is_whole = "@" not in address or "@" in parts.netloc

    return place if parts.scheme and is_whole and _PLAIN.fullmatch(place) else UNREADABLE


def _tables(path: Path, deadline: Deadline) -> int:
    """Return the number of tables of a SQLite file; raises ProbeError when it does not answer."""
    if not path.is_file():
        raise ProbeError("critical", f"{path} does not exist", observed="missing")

    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=deadline.remaining())
        ) as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.Error as error:
        raise ProbeError("critical", f"{path} does not answer: {visible(str(error))}") from error


def _run_as(check: Check) -> str | None:
    return t.cast("str | None", check.options["run_as"])


KIND = Kind(
    description="which database is an application given; without a server, does SQLite answer",
    gives="`database_address:NAME`",
    options={
        "file": option("path", "The file of variables, NAME=value line by line.", required=True),
        "variable": option("str", "The variable with the address.", default="DATABASE_URL"),
        "sqlite": option(
            "path",
            "The file that the application uses when no server is named. Without it, that no"
            " server is named is C(critical).",
        ),
        "run_as": option("str", "The user whose rights are enough to read both files."),
    },
    probe=probe,
    describe=describe,
    run_as=_run_as,
)

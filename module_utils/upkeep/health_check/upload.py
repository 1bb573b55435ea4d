# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Option ``upload`` of HTTP checks: a file that is sent as a browser's form would send it."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..base.files import read_bytes, reason_of
from ..base.options import Options, option
from ..findings import Finding, Limits
from .check import Check, CheckError, ProbeError
from .clients import multipart
from .kind import Row, limit_words

OPTIONS: t.Final[Options] = {
    "path": option(
        "path", "The file on the host. It is read as O(checks[].upload.run_as), never as root."
    ),
    "run_as": option(
        "str",
        "System account that sends the file: that of the service which gets it, so that nothing is"
        " sent that the service may not read itself.",
    ),
    "content": option("str", "The content itself instead of a file."),
    "field": option("str", "Name of the form's field.", default="file"),
    "filename": option("str", "Name that the file is sent under; its own when not given."),
    "content_type": option("str", "What the file is.", default="text/csv"),
    "rows": option(
        "int",
        "Send the heading and this many rows only; adds C(http:name.per_row).",
        minimum=1,
    ),
    "fields": option("dict", "Other fields of the form.", default={}),
    "row_warning_ms": option(
        "float", "More time for each row, as the median of the samples, is C(warning)."
    ),
    "row_critical_ms": option("float", "More time for each row is C(critical)."),
}
_LARGEST: t.Final = 16 << 20


def encode(options: Mapping[str, t.Any]) -> tuple[bytes, str]:
    """Return the body of the request and its content type; raises ProbeError without the file."""
    path = options["path"]

    return multipart.encode(
        payload(options),
        field=options["field"],
        filename=options["filename"] or (Path(path).name if path else "sample.csv"),
        content_type=options["content_type"],
        fields=options["fields"],
    )


def payload(options: Mapping[str, t.Any]) -> bytes:
    """Return the bytes of the file; raises ProbeError when it is not there or has too few rows."""
    given = options["content"]
    data = _read(Path(options["path"])) if given is None else str(given).encode()

    return multipart.first_rows(data, options["rows"]) if options["rows"] else data


def _read(path: Path) -> bytes:
    if os.geteuid() == 0:
        message = f"the file to upload, {path}, is not read as root: set upload.run_as"
        raise ProbeError("unknown", message)

    try:
        return read_bytes(path, _LARGEST, trusted_links=True)
    except OSError as error:
        message = f"the file to upload, {path}, cannot be read: {reason_of(error)}"
        raise ProbeError("unknown", message) from error


def run_as(check: Check) -> str | None:
    """Return the account that an attempt turns into: whose service gets the file."""
    entry = check.options["upload"]

    return entry["run_as"] if entry else None


def judge_row(check: Check, milliseconds: float) -> Finding:
    """Return the finding for the time per row."""
    entry = check.options["upload"]
    per_row = round(milliseconds / entry["rows"], 2)
    message = f"{per_row:g} ms for each of {entry['rows']} rows"

    return check.measured(
        per_row, _limits(entry), message, "see the load of the host", aspect="per_row", unit="ms"
    )


def names(check: Check) -> tuple[str, ...]:
    """Return the finding that ``rows`` asks for."""
    entry = check.options["upload"]

    return (f"{check.id}.per_row",) if entry and entry["rows"] else ()


def describe(check: Check) -> Iterator[Row]:
    """Yield the row of the finding that ``rows`` asks for."""
    for name in names(check):
        words = limit_words(_limits(check.options["upload"]), " ms")
        yield Row(name, "time for each row", *words)


def validate(check: Check) -> None:
    """Raise CheckError for an upload that is not sent, has no content, or would break the form."""
    entry = check.options["upload"]
    if entry is None:
        return

    if check.options["method"] != "POST":
        raise CheckError("upload needs method: POST")
    if (entry["path"] is None) == (entry["content"] is None):
        raise CheckError("upload needs either path or content")
    if (entry["path"] is None) != (entry["run_as"] is None):
        raise CheckError("upload.path needs run_as, the account of the service that gets the file")
    if entry["run_as"] == "root":
        raise CheckError("upload.run_as must not be root: any file could be sent to the service")
    if entry["rows"] is None and _limits(entry).numbers:
        raise CheckError("upload.row_warning_ms and row_critical_ms need rows")

    texts = [entry["field"], entry["filename"] or "", entry["content_type"], *entry["fields"]]
    if any(sign in str(text) for text in texts for sign in '"\r\n'):
        raise CheckError("names in upload must not hold quotes or line ends")


def _limits(entry: Mapping[str, t.Any]) -> Limits:
    return Limits(entry["row_warning_ms"], entry["row_critical_ms"])

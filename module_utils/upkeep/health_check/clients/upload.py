# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file to upload as a browser's form would, cut down to a few rows when it is a table."""

from __future__ import annotations

import secrets
import typing as t
from collections.abc import Mapping
from pathlib import Path

from ...findings import Finding
from ..check import Check, CheckError, ProbeError

OPTIONS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "path": {"type": "path"},
    "content": {"type": "str"},
    "field": {"type": "str", "default": "file"},
    "filename": {"type": "str"},
    "content_type": {"type": "str", "default": "text/csv"},
    "rows": {"type": "int"},
    "fields": {"type": "dict", "default": {}},
    "row_warning_ms": {"type": "float"},
    "row_critical_ms": {"type": "float"},
}
_LARGEST: t.Final = 16 << 20


def payload(options: Mapping[str, t.Any]) -> bytes:
    """Return the bytes of the file; raises ProbeError when it is not there or has too few rows."""
    given = options["content"]
    data = _read(Path(options["path"])) if given is None else str(given).encode()
    return first_rows(data, options["rows"]) if options["rows"] else data


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ProbeError(
            "unknown", f"the file to upload, {path}, cannot be read: {error.strerror}"
        ) from error

    if len(data) > _LARGEST:
        raise ProbeError(
            "unknown", f"the file to upload, {path}, is larger than {_LARGEST >> 20} MiB"
        )

    return data


def first_rows(table: bytes, rows: int) -> bytes:
    """Return the heading of a CSV and its first rows; raises ProbeError when there are fewer.

    One row is one line.
    """
    lines = [line for line in table.splitlines() if line.strip()]
    if len(lines) < rows + 1:
        raise ProbeError(
            "unknown",
            f"the file to upload has {max(0, len(lines) - 1)} rows, {rows} were asked for",
        )

    return b"\n".join(lines[: rows + 1]) + b"\n"


def encode(options: Mapping[str, t.Any]) -> tuple[bytes, str]:
    """Return the body of a multipart/form-data request and its content type."""
    data = payload(options)
    boundary = f"upkeep-{secrets.token_hex(16)}"
    name = options["filename"] or (Path(options["path"]).name if options["path"] else "sample.csv")
    parts = [
        (f'Content-Disposition: form-data; name="{key}"', str(value).encode())
        for key, value in options["fields"].items()
    ]
    head = f'Content-Disposition: form-data; name="{options["field"]}"; filename="{name}"'
    parts.append((f"{head}\r\nContent-Type: {options['content_type']}", data))
    body = b"".join(
        f"--{boundary}\r\n{header}\r\n\r\n".encode() + content + b"\r\n"
        for header, content in parts
    )

    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def judge_row(check: Check, ms: float) -> Finding:
    """Return the finding for the time per row."""
    options = check.options["upload"]
    per_row = round(ms / options["rows"], 2)
    limits = {"warning": options["row_warning_ms"], "critical": options["row_critical_ms"]}
    message = f"{per_row:g} ms for each of {options['rows']} rows"

    return check.measured(
        per_row, limits, message, "see the load of the host", aspect="per_row", unit="ms"
    )


def names(check: Check) -> tuple[str, ...]:
    """Return the finding that rows ask for."""
    return (
        (f"{check.id}.per_row",)
        if check.options["upload"] and check.options["upload"]["rows"]
        else ()
    )


def validate(check: Check) -> None:
    """Raise CheckError for an upload that is not sent, or without content, or that would break the form."""
    options = check.options["upload"]
    if options is None:
        return
    if check.options["method"] != "POST":
        raise CheckError("upload needs method: POST")
    if (options["path"] is None) == (options["content"] is None):
        raise CheckError("upload needs either path or content")
    if options["rows"] is not None and options["rows"] < 1:
        raise CheckError("upload.rows must be at least 1")
    if options["rows"] is None and (options["row_warning_ms"] or options["row_critical_ms"]):
        raise CheckError("upload.row_warning_ms and row_critical_ms need rows")

    texts = [
        options["field"],
        options["filename"] or "",
        options["content_type"],
        *options["fields"],
    ]
    if any(sign in str(text) for text in texts for sign in '"\r\n'):
        raise CheckError("names in upload must not hold quotes or line ends")

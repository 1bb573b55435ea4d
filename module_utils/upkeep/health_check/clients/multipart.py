# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A multipart/form-data request as a browser's form makes it, with a table cut to a few rows."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..check import ProbeError


def first_rows(table: bytes, rows: int) -> bytes:
    """Return the heading of a CSV and its first rows; raises ProbeError when there are fewer.

    One row is one line.
    """
    lines = [line for line in table.splitlines() if line.strip()]
    if len(lines) < rows + 1:
        found = max(0, len(lines) - 1)
        raise ProbeError("unknown", f"the file to upload has {found} rows, {rows} are needed")

    return b"\n".join(lines[: rows + 1]) + b"\n"


def encode(
    data: bytes,
    *,
    field: str,
    filename: str,
    content_type: str,
    fields: Mapping[str, object],
) -> tuple[bytes, str]:
    """Return the body of a request that uploads a file, and its content type."""
    boundary = f"upkeep-{os.urandom(16).hex()}"
    parts = [
        (f'Content-Disposition: form-data; name="{key}"', str(value).encode())
        for key, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="{field}"; filename="{filename}"'
    parts.append((f"{head}\r\nContent-Type: {content_type}", data))
    body = b"".join(
        f"--{boundary}\r\n{header}\r\n\r\n".encode() + content + b"\r\n"
        for header, content in parts
    )

    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mark by which a person accepts a host: until then runs only look at it."""

from __future__ import annotations

import json
import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from .base import files

DEFAULT_MARK: t.Final = "/var/lib/upkeep/accepted.json"
_MAX_BYTES: t.Final = 1 << 16


def read(mark: Path) -> dict[str, str] | None:
    """Return by whom (``by``) and when (``at``) the host was accepted, None when nobody did.

    Raises OSError, ValueError for a damaged mark. Only root's own mark counts.
    """
    try:
        raw = files.read_bytes(mark, _MAX_BYTES, owner=(0, os.geteuid()), trusted_links=True)
    except FileNotFoundError:
        return None

    try:
        content = json.loads(raw)
    except RecursionError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(content, dict) or not {"by", "at"} <= set(content):
        raise ValueError("'by' and 'at' are missing")

    return {str(key): str(value) for key, value in content.items()}


def is_accepted(mark: Path) -> bool:
    """Return whether somebody has accepted the host; a mark that cannot be read does not count."""
    try:
        return read(mark) is not None
    except (OSError, ValueError):
        return False


def write(mark: Path, by: str, run_id: str) -> str:
    """Write the mark and return its text; raises OSError."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps({"by": by, "at": now, "run_id": run_id}, indent=2) + "\n"
    files.write_atomic(mark, text, 0o644, folder_mode=0o755)

    return text

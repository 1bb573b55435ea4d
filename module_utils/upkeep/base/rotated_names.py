# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names that rotation gives to the older files of a log."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator

#: A number or a date, as tools put it behind the name or before its last suffix.
_MARK: t.Final = re.compile(r"[._-](?:\d[\d._TW:-]*|old)")
_PACKED: t.Final = re.compile(r"\.(gz|bz2|xz|zst|lz4|lzma|zip|Z)$")


def packing(name: str) -> str:
    """Return the suffix of the tool that packed a file, such as ``gz``; '' for a plain file."""
    match = _PACKED.search(name)

    return match[1] if match else ""


def unpacked(name: str) -> str:
    """Return the name that a packed file had before."""
    return _PACKED.sub("", name)


def origins(name: str) -> Iterator[str]:
    """Yield the names of logs that a file could have been rotated from.

    ``app.log.3.gz``, ``app.log-20260131``, ``app.log_2026-W48.zst``, ``app-20260131.log`` and
    ``app.log.old`` may all come from ``app.log``.
    """
    base = unpacked(name)

    for separator in re.finditer(r"[._-]", base):
        log, mark = base[: separator.start()], base[separator.start() :]
        if log and _MARK.fullmatch(mark):
            yield log

        mark, dot, suffix = mark.rpartition(".")
        if log and dot and _MARK.fullmatch(mark):
            yield f"{log}.{suffix}"

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model an application uses, by the newest line of its log that names one.

An application writes it when it starts. When the log has been rotated since, the line stands in a
rotated file.
"""

from __future__ import annotations

import bz2
import collections
import gzip
import itertools
import lzma
import os
import re
import typing as t
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from ..base.redact import redact
from ..base.rotated_names import origins, packing, unpacked
from ..base.text import contains_words, limit_text, visible
from ..findings import Finding
from .reading import BLOCK, ReadingError, opened, quoted
from .settings import InUseCheck, ModelSettings

#: Bytes at the end of a log that are searched.
TAIL: t.Final = 8 << 20
#: Bytes that a packed log may give, unpacked; what comes after them is not searched.
UNPACKED: t.Final = 512 << 20
#: Rotated files that are searched, the newest first.
ROTATED: t.Final = 12
#: Characters of a line that are searched, and that a finding shows.
SEARCHED: t.Final = 65536
SHOWN: t.Final = 160

_OPENERS: t.Final[Mapping[str, Callable[[t.BinaryIO], t.Any]]] = {
    "gz": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
}
_MAGIC: t.Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"\x1f\x9d": "Z",
}
_DAMAGED: t.Final = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


def newest_line(log: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the last line that fits of the log, or of its newest rotated file that has one.

    None when none has. Raises ReadingError when the log cannot be read, or a rotated file that is
    newer than the first one with such a line: nobody knows what it names.
    """
    line = _last(_tail(log), pattern)
    if line is not None:
        return line

    for path in rotated(log):
        if (line := _last(_content(path), pattern)) is not None:
            break

    return line


def rotated(log: Path) -> list[Path]:
    """Return the rotated files of a log, the newest first.

    While a file is packed both are there; the packed one may not be whole yet.
    """
    found: dict[str, float] = {}
    with os.scandir(log.parent) as entries:
        for entry in entries:
            if log.name in origins(entry.name) and entry.is_file(follow_symlinks=False):
                found[entry.name] = entry.stat(follow_symlinks=False).st_mtime

    names = [
        (changed, name)
        for name, changed in found.items()
        if not (packing(name) and unpacked(name) in found)
    ]

    return [log.parent / name for _, name in sorted(names, reverse=True)[:ROTATED]]


def _content(path: Path) -> bytes:
    """Return the end of a rotated file; raises ReadingError.

    One that was packed since it was listed is read in its new form, one that is gone holds nothing.
    """
    for candidate in (path, *(path.with_name(f"{path.name}.{suffix}") for suffix in _OPENERS)):
        try:
            kind = _packing(candidate)
            return _unpacked(candidate, kind) if kind else _tail(candidate)
        except ReadingError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise

    return b""


def _packing(log: Path) -> str:
    """Return what a file was packed with, by its first bytes, else by its name; '' for nothing."""
    with opened(log, log.parent) as descriptor:
        head = os.pread(descriptor, 8, 0)

    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "") or (
        packing(log.name) if head else ""
    )


def _tail(log: Path) -> bytes:
    with opened(log, log.parent) as descriptor:
        return os.pread(descriptor, TAIL, max(os.fstat(descriptor).st_size - TAIL, 0))


def _unpacked(log: Path, kind: str) -> bytes:
    """Return the end of what a packed log holds, of its first 512 MiB; raises ReadingError."""
    opener = _OPENERS.get(kind)
    if opener is None:
        message = f"{quoted(log)} is newer than what names a model, and {kind} cannot be read here."
        raise ReadingError("unknown", message)

    with opened(log, log.parent) as descriptor:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as packed, opener(packed) as plain:
                blocks = itertools.islice(iter(lambda: plain.read(BLOCK), b""), UNPACKED // BLOCK)
                return b"".join(collections.deque(blocks, maxlen=TAIL // BLOCK))
        except _DAMAGED as error:
            message = f"{quoted(log)} is newer than what names a model, and damaged ({kind})."
            raise ReadingError("unknown", message) from error


def _last(content: bytes, pattern: re.Pattern[str]) -> str | None:
    """Return the last line that fits.

    Only a line feed ends a line: other signs may come from whoever sends requests. A file that was
    truncated while its writer had it open begins with a hole of NUL bytes.
    """
    for raw in reversed(content.replace(b"\0", b"").split(b"\n")):
        line = raw[:SEARCHED].decode("utf-8", "replace").rstrip("\r")
        if pattern.search(line):
            return line

    return None


def in_use_finding(
    model: ModelSettings, in_use: InUseCheck, line: str | ReadingError | None
) -> Finding:
    """Return whether the application wrote last that it uses this model."""
    subject = model.subject(in_use.requirements)
    expected = in_use.expected
    if isinstance(line, ReadingError):
        return subject.finding("unknown", str(line), aspect="in_use", expected=expected)
    if line is None:
        return subject.finding(
            "unknown",
            f"No line of {quoted(in_use.log)} or its rotated files names what is in use; has the"
            " application been started since?",
            aspect="in_use",
            expected=expected,
        )
    if contains_words(line, expected):
        return subject.finding(
            "ok",
            f"The newest line of {quoted(in_use.log)} about it names this model.",
            aspect="in_use",
            observed=expected,
            expected=expected,
        )

    return subject.finding(
        "critical",
        f"The newest line of {quoted(in_use.log)} about it names something else; check how the"
        " application was started.",
        aspect="in_use",
        observed=limit_text(visible(redact(line.strip())), SHOWN),
        expected=expected,
    )

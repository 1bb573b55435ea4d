# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of purged tasks: a folder with the messages in portions and, last, a manifest.

A copy without its manifest is not one. Messages may hold any bytes and stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.files import read_bytes, reason_of, write_atomic
from ..base.text import visible

VERSION: t.Final = 1
MANIFEST: t.Final = "manifest.json"
#: More than any message that Redis is asked for in one portion, bytes.
LARGEST: t.Final = 64 << 20


class CopyError(Exception):
    """A copy cannot be written or is damaged; the message is a sentence without a full stop."""


@dataclass(frozen=True)
class SavedPortion:
    """A file of a copy: some messages of one list, in the order of the list."""

    file: str
    list: str
    count: int
    sha256: str


def write_portion(folder: Path, number: int, name: str, messages: list[str]) -> SavedPortion:
    """Save messages of a list and read them back; raises CopyError."""
    file = f"{number:06}.json"
    text = json.dumps(messages)
    try:
        write_atomic(folder / file, text, 0o600, folder_mode=0o700)
        kept = read_bytes(folder / file, LARGEST, trusted_links=True)
    except OSError as error:
        raise CopyError(f"{folder / file} cannot be written: {reason_of(error)}") from error

    digest = _digest(text.encode())
    if _digest(kept) != digest:
        raise CopyError(f"{folder / file} does not hold what was written: check the disk")

    return SavedPortion(file, name, len(messages), digest)


def write_manifest(
    folder: Path, application: str, broker: str, portions: list[SavedPortion]
) -> None:
    """Complete a copy; raises CopyError."""
    content = {
        "version": VERSION,
        "application": application,
        "broker": broker,
        "portions": [portion.__dict__ for portion in portions],
    }
    try:
        write_atomic(folder / MANIFEST, json.dumps(content, indent=1) + "\n", 0o600)
    except OSError as error:
        raise CopyError(f"{folder / MANIFEST} cannot be written: {reason_of(error)}") from error


def read_manifest(folder: Path, application: str) -> list[SavedPortion]:
    """Return the portions of a copy in their order; raises CopyError, also for another's copy."""
    path = folder / MANIFEST
    try:
        found = json.loads(read_bytes(path, LARGEST, owner=(0,), trusted_links=True))
        if found["version"] != VERSION:
            raise CopyError(
                f"{path} was written by another version of Upkeep: put it back with that version"
            )
        # The first copies did not name it.
        if found.get("application", application) != application:
            raise CopyError(
                f"{path} is a copy of {visible(str(found['application']))}: name that application"
            )
        return [
            SavedPortion(str(item["file"]), str(item["list"]), int(item["count"]), item["sha256"])
            for item in found["portions"]
        ]
    except FileNotFoundError as error:
        raise CopyError(f"there is no copy {visible(folder.name)} in {folder.parent}") from error
    except OSError as error:
        raise CopyError(f"{path} cannot be read: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CopyError(f"{path} is damaged") from error


def read_portions(
    folder: Path, portions: list[SavedPortion]
) -> Iterator[tuple[SavedPortion, list[str]]]:
    """Yield each portion with its messages; raises CopyError."""
    for portion in portions:
        path = folder / Path(portion.file).name
        try:
            raw = read_bytes(path, LARGEST, owner=(0,), trusted_links=True)
        except OSError as error:
            raise CopyError(f"{path} cannot be read: {reason_of(error)}") from error

        if _digest(raw) != portion.sha256:
            raise CopyError(f"{path} is damaged: its content is not what was saved")

        yield portion, [str(message) for message in json.loads(raw)]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

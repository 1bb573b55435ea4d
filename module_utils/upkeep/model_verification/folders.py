# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders of models: list what lies there, so that a file that nobody verifies is seen."""

from __future__ import annotations

import fnmatch
import os
import stat
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ..findings import Finding, finding
from .settings import Model, ModelError

#: Names that are told; the others are counted.
NAMED: t.Final = 20


@dataclass(frozen=True)
class Folder:
    """A folder and the patterns of names in it that stand for models."""

    path: Path
    patterns: tuple[str, ...]
    requirements: tuple[str, ...] = ()


def parse_folders(raw: t.Sequence[t.Mapping[str, t.Any]]) -> list[Folder]:
    """Return the folders of checked module arguments; raises ModelError."""
    for entry in raw:
        if not entry["path"].startswith("/") or not entry["path"].isprintable():
            raise ModelError(f"folders: path {entry['path']!r} must begin with /")

    return [
        Folder(Path(entry["path"]), tuple(entry["patterns"]), tuple(entry["requirements"]))
        for entry in raw
    ]


def folder_finding(folder: Folder, models: t.Sequence[Model]) -> Finding:
    """Return what lies in a folder; files that fit and that no model names are ``info``."""
    check = f"models:{folder.path}"
    try:
        files = _files(folder)
    except (FileNotFoundError, NotADirectoryError):
        message = f"The folder '{folder.path}' is not there; restore it from its last backup."
        return finding(
            check, "critical", message, expected="a folder", requirements=folder.requirements
        )
    except OSError as error:
        message = f"The folder '{folder.path}' cannot be listed: {error}."
        return finding(
            check, "unknown", message, expected="a folder", requirements=folder.requirements
        )

    verified = {model.path for model in models}
    unverified = [name for name in files if folder.path / name not in verified]
    if not files:
        message = f"No model lies in '{folder.path}'; restore them, or train them again."
        return finding(
            check, "warning", message, observed=0, unit="files", requirements=folder.requirements
        )

    if unverified:
        message = f"Nobody verifies {_listed([repr(name) for name in unverified])}: name them as models, or take them away."
        return finding(
            check,
            "info",
            message,
            observed=len(files),
            unit="files",
            requirements=folder.requirements,
        )

    sizes = [f"{name!r} ({size} bytes)" for name, size in files.items()]
    message = f"There are {_listed(sizes)}."

    return finding(
        check, "ok", message, observed=len(files), unit="files", requirements=folder.requirements
    )


def _files(folder: Folder) -> dict[str, int]:
    """Return the regular files (links count as what they lead to) that fit: name -> bytes, sorted.

    Raises OSError.
    """
    found: dict[str, int] = {}
    with os.scandir(folder.path) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in folder.patterns):
                continue

            try:
                seen = entry.stat()
            except FileNotFoundError:
                continue

            if stat.S_ISREG(seen.st_mode):
                found[entry.name] = seen.st_size

    return found


def _listed(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

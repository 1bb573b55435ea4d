# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders of models: list them, so that a file that nobody verifies is noticed."""

from __future__ import annotations

import fnmatch
import os
import stat
import typing as t
from collections.abc import Mapping, Sequence

from ..base.files import reason_of
from ..base.text import list_some, visible
from ..findings import Finding, Subject
from .settings import ModelFolder, ModelSettings

#: Names that a message holds; the others are counted.
NAMED: t.Final = 20


def folder_finding(folder: ModelFolder, models: Sequence[ModelSettings]) -> Finding:
    """Return what lies in a folder; files that fit and that are none of the models are ``info``."""
    subject = Subject(f"models:{folder.path}", folder.requirements)
    try:
        files = _files(folder)
    except (FileNotFoundError, NotADirectoryError):
        message = f"The folder '{folder.path}' is missing; restore it from its last backup."
        return subject.finding("critical", message, expected="a folder")
    except OSError as error:
        message = f"The folder '{folder.path}' cannot be listed: {reason_of(error)}."
        return subject.finding("unknown", message, expected="a folder")

    status, message = _judged(folder, files, models)

    return subject.finding(status, message, observed=len(files), unit="files")


def _judged(
    folder: ModelFolder, files: Mapping[str, int], models: Sequence[ModelSettings]
) -> tuple[str, str]:
    """Return status and message for the files of a folder."""
    if not files:
        return (
            "warning",
            f"There is no model in '{folder.path}'; restore them, or train them again.",
        )

    verified = {model.path for model in models}
    if unverified := [name for name in files if folder.path / name not in verified]:
        names = list_some([f"'{visible(name)}'" for name in unverified], NAMED)
        return "info", f"Not verified: {names}. Name them as models, or take them away."

    sizes = [f"'{visible(name)}' ({size} bytes)" for name, size in files.items()]

    return "ok", f"There are {list_some(sizes, NAMED)}."


def _files(folder: ModelFolder) -> dict[str, int]:
    """Return the regular files (also what links lead to) that fit: name -> bytes, sorted.

    Raises OSError.
    """
    found: dict[str, int] = {}
    with os.scandir(folder.path) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in folder.patterns):
                continue

            try:
                status = entry.stat()
            except OSError:  # gone meanwhile, or a link that leads nowhere
                continue

            if stat.S_ISREG(status.st_mode):
                found[entry.name] = status.st_size

    return found

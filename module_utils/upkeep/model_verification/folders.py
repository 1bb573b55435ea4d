# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders of models: list them, so that a file that nobody verifies is noticed."""

from __future__ import annotations

import fnmatch
import os
import stat
import typing as t
from collections.abc import Mapping, Sequence

from ..base import isolated
from ..base.files import reason_of
from ..base.text import list_some, visible
from ..findings import Finding, Subject
from .settings import ModelFolder, ModelSettings

#: Names that a message holds; the others are counted.
NAMED: t.Final = 20
#: Whoever writes in a folder could otherwise fill it, and our memory, with names.
MOST_FILES: t.Final = 5000
#: Seconds that listing a folder may take.
SECONDS: t.Final = 60.0


def folder_finding(folder: ModelFolder, models: Sequence[ModelSettings]) -> Finding:
    """Return what lies in a folder; files that fit and that are none of the models are ``info``."""
    subject = Subject(f"models:{folder.path}", folder.requirements)
    answers, problem = isolated.run(lambda: [_listing(folder)], SECONDS, limits=isolated.PARSING)
    files, missing, reason = answers[0] if answers else ({}, False, problem)

    if missing:
        message = f"The folder '{folder.path}' is missing; restore it from its last backup."
        return subject.finding("critical", message, expected="a folder")
    if reason:
        message = f"The folder '{folder.path}' cannot be listed: {reason}."
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


def _listing(folder: ModelFolder) -> tuple[dict[str, int], bool, str]:
    """Return the files of a folder, whether it is missing, and why it could not be listed."""
    try:
        return _files(folder), False, ""
    except (FileNotFoundError, NotADirectoryError):
        return {}, True, ""
    except OSError as error:
        return {}, False, reason_of(error)


def _files(folder: ModelFolder) -> dict[str, int]:
    """Return the regular files (also what links lead to) that fit: name -> bytes, sorted.

    Raises OSError, also for more files than MOST_FILES.
    """
    found: dict[str, int] = {}
    with os.scandir(folder.path) as entries:
        for entry in entries:
            if not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in folder.patterns):
                continue
            if len(found) == MOST_FILES:
                raise OSError(f"it has more than {MOST_FILES} files that could be models")

            try:
                status = entry.stat()
            except OSError:  # gone meanwhile, or a link that leads nowhere
                continue

            if stat.S_ISREG(status.st_mode):
                found[entry.name] = status.st_size

    return dict(sorted(found.items()))

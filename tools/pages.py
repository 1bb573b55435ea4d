# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all generated Markdown pages share."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path, PurePosixPath

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)")


def cell(text: t.Any) -> str:
    """Return text that can stand in a table cell: one line, with its bars escaped."""
    return " ".join(str(text).split()).replace("|", "\\|")


def move_links(text: str, source: str, target: str) -> str:
    """Return Markdown with its relative links, right in folder ``source``, right in ``target``."""

    def moved(match: re.Match[str]) -> str:
        return PurePosixPath(os.path.relpath(f"{source}/{match.group(1)}", target)).as_posix()

    return _LINK.sub(moved, text)


def bring_up_to_date(pages: t.Mapping[Path, str], *, write: bool) -> list[Path]:
    """Return the pages whose file differs from the text; with ``write`` they are written."""
    stale = [
        path
        for path, text in pages.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale if write else ():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")

    return stale

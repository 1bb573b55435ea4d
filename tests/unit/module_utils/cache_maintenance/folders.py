# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders of cached files for tests, and the settings that name them."""

from __future__ import annotations

import json
import os
import tempfile
import time
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.cache_maintenance.settings import CacheSettings, parse

HOUR: t.Final = 3600.0
ROW: t.Final = "<tr><td>a</td></tr>"
CLASSES: t.Final = [
    {
        "name": "html",
        "files": "page_*.html",
        "hours": 24,
        "row_pattern": "<tr>",
        "structure_pattern": "<tr><td>.+?</td></tr>",
    },
    {
        "name": "json",
        "files": "page_*.json",
        "hours": 12,
        "items": "events",
        "fields": {"name": "text"},
        "pages": "page_*.html",
        "row_pattern": "<tr>",
    },
]


def put(folder: Path, name: str, text: str, hours: float) -> Path:
    """Write an entry that is so old, and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    moment = time.time() - hours * HOUR
    os.utime(path, (moment, moment))

    return path


def open_way(folder: Path) -> None:
    """Let other users into a folder of pytest's."""
    top = Path(tempfile.gettempdir())
    for path in (folder, *folder.parents):
        if path.is_relative_to(top) and path != top:
            path.chmod(0o755)


def page(folder: Path, month: str, hours: float, rows: int = 2) -> Path:
    """Write a page with so many rows."""
    return put(folder, f"page_{month}.html", ROW * rows, hours)


def events(folder: Path, month: str, hours: float, count: int = 2) -> Path:
    """Write what was made of a page."""
    text = json.dumps({"events": [{"name": "a"}] * count})

    return put(folder, f"page_{month}.json", text, hours)


def file_cache(below: Path, **options: t.Any) -> dict[str, t.Any]:
    """Return an entry of the profile for the folder ``cache`` below a root."""
    return {
        "name": "calendar",
        "folder": str(below / "cache"),
        "root": str(below),
        "classes": CLASSES,
        **options,
    }


def settings(root: Path, **options: t.Any) -> CacheSettings:
    """Return settings with a state file of the test's."""
    own = {"state_file": str(root / "state.json"), "require_acceptance": False, "timeout": 20}

    return parse({**own, **options})

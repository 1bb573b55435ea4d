# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plant files of the host that is named: caches on trailblaze-1, leftovers on all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path


def put(path: Path, text: str, hours: float, user: str) -> None:
    """Write a file of a user that is so old."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    shutil.chown(path, user, user)
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))


def main(host: str) -> None:
    """Plant."""
    user = host.removesuffix("-1")
    home = Path("/opt") / user
    put(home / "tests" / "test_old.db", "x", 48, user)
    put(home / "tests" / "test_young.db", "x", 1, user)
    if user != "trailblaze":
        return

    cache = home / "cache"
    put(cache / "aerc_calendar_2020-01.html", "<!doctype html>", 720, user)
    put(cache / "aerc_calendar_2020-02.html", (next_page(cache)).read_text(), 720, user)
    first = sorted(cache.glob("aerc_calendar_*.json"))[-1]
    entry = json.loads(first.read_text())
    del entry["events"][0]["location"]
    put(cache / "aerc_calendar_2020-03.json", json.dumps(entry), 1, user)
    for path in cache.glob("comparison_*"):
        os.utime(path, (time.time() - 7 * 3600,) * 2)
    put(Path("/srv/outside.html"), "x", 720, "root")
    (cache / "aerc_calendar_link.html").symlink_to("/srv/outside.html")


def next_page(cache: Path) -> Path:
    """Return a page that the scraper has fetched."""
    return sorted(cache.glob("aerc_calendar_2???-??.html"))[-1]


main(sys.argv[1])

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders that are swept, and traps in them: links, owners, odd names, writers at work."""

from __future__ import annotations

import os
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance import file_caches
from ansible.module_utils.upkeep.cache_maintenance.file_caches import (
    FileCacheError,
    Request,
    visit,
)

from tests.unit.module_utils.cache_maintenance.folders import (
    CLASSES,
    events,
    file_cache,
    open_way,
    page,
    put,
    settings,
)

SWEEP: t.Final = Request(sample=100, removal="expired")
IS_ROOT: t.Final = os.geteuid() == 0


def visited(
    root: Path, request: Request = SWEEP, **options: t.Any
) -> dict[str, file_caches.ClassReport]:
    """Return the reports on the cache below a root."""
    entry = file_cache(root, **options)

    return visit(settings(root, file_caches=[entry]).file_caches[0], request, 20)


def names(root: Path) -> set[str]:
    return {path.name for path in (root / "cache").iterdir()}


def test_what_is_past_three_lives_goes_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    page(folder, "2020-01", 30 * 24, rows=0)
    page(folder, "2026-10", 80)
    page(folder, "2026-11", 30)
    page(folder, "2026-12", 1)
    events(folder, "2026-12", 1)
    put(folder, "other.txt", "x", 9999)

    report = visited(tmp_path)

    assert report["html"].removed == 2
    assert report["html"].stale == 1
    assert report["json"].removed == 0
    assert names(tmp_path) == {
        "page_2026-11.html",
        "page_2026-12.html",
        "page_2026-12.json",
        "other.txt",
    }


def test_a_rehearsal_counts_what_would_go(tmp_path: Path) -> None:
    page(tmp_path / "cache", "old", 300)
    page(tmp_path / "cache", "new", 1)

    report = visited(tmp_path, Request(removal="expired", rehearsal=True))["html"]

    assert report.due == 1
    assert report.removed == 0
    assert names(tmp_path) == {"page_old.html", "page_new.html"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no rows"),
        ("<tr><th>a</th></tr>", "do not look as they did"),
    ],
)
def test_a_page_without_the_rows_that_it_had_is_not_valid(
    tmp_path: Path, text: str, fault: str
) -> None:
    put(tmp_path / "cache", "page_x.html", text, 1)
    report = visited(tmp_path)["html"]

    assert report.valid == 0
    assert fault in report.invalid[0]
    assert report.newest_valid is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "not a JSON object"),
        ("{", "not a JSON object"),
        ('{"events": [{}, {}]}', "name is missing"),
        ('{"events": [{"name": "a"}]}', "its page has 2 rows, it has 1"),
        ('{"events": ' + "[" * 100_000, "not a JSON object"),
    ],
)
def test_an_entry_that_does_not_fit_its_page_or_its_fields_is_not_valid(
    tmp_path: Path, text: str, fault: str
) -> None:
    page(tmp_path / "cache", "x", 1)
    put(tmp_path / "cache", "page_x.json", text, 1)
    report = visited(tmp_path)["json"]

    assert report.valid == 0
    assert fault in report.invalid[0]


@pytest.mark.parametrize(
    "name", ["page_with blank.html", "page_'q\".html", "page_two\nlines.html", "page_-rf.html"]
)
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    put(tmp_path / "cache", name, "x", 300)
    page(tmp_path / "cache", "new", 1)

    assert visited(tmp_path)["html"].removed == 1
    assert names(tmp_path) == {"page_new.html"}


def test_a_name_that_is_not_utf_8_is_one(tmp_path: Path) -> None:
    page(tmp_path / "cache", "new", 1)
    path = os.fsencode(tmp_path / "cache") + b"/page_\xff.html"
    with open(path, "wb"):  # noqa: PTH123 - a name in bytes
        pass
    os.utime(path, (1, 1))

    assert visited(tmp_path)["html"].removed == 1
    assert names(tmp_path) == {"page_new.html"}


def test_links_folders_and_drafts_are_not_entries(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    page(folder, "new", 1)
    outside = put(tmp_path, "page_outside.html", "x", 300)
    (folder / "page_link.html").symlink_to(outside)
    (folder / "page_folder.html").mkdir()
    put(folder, ".page_draft.html", "x", 300)

    report = visited(tmp_path)["html"]

    assert report.count == 1
    assert outside.exists()
    assert len(names(tmp_path)) == 4


def test_a_folder_that_is_a_link_of_others_is_refused(tmp_path: Path) -> None:
    page(tmp_path / "real", "old", 300)
    (tmp_path / "cache").symlink_to("real")
    if IS_ROOT:
        os.lchown(tmp_path / "cache", 12345, 12345)

    with pytest.raises(FileCacheError, match="link"):
        visited(tmp_path)

    assert (tmp_path / "real" / "page_old.html").exists()


@pytest.mark.skipif(not IS_ROOT, reason="needs root's own links")
def test_a_link_of_root_may_not_lead_out_of_the_root(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    page(tmp_path / "elsewhere", "old", 300)
    (home / "cache").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileCacheError, match="not below"):
        visited(home)

    assert (tmp_path / "elsewhere" / "page_old.html").exists()


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileCacheError, match="No such file"):
        visited(tmp_path)


@pytest.mark.skipif(not IS_ROOT, reason="needs another user")
def test_the_owner_of_the_folder_removes_and_cannot_what_it_may_not(tmp_path: Path) -> None:
    open_way(tmp_path)
    folder = tmp_path / "cache"
    page(folder, "new", 1)
    page(folder, "old", 300)
    for path in (folder, *folder.iterdir()):
        os.chown(path, 65534, 65534)
    folder.chmod(0o555)

    report = visited(tmp_path)["html"]

    assert report.removed == 0
    assert "Permission denied" in report.failed[0]


@pytest.mark.skipif(not IS_ROOT, reason="needs another user")
def test_a_folder_that_its_owner_cannot_read_is_said(tmp_path: Path) -> None:
    open_way(tmp_path)
    page(tmp_path / "cache", "new", 1)
    os.chown(tmp_path / "cache", 65534, 65534)
    (tmp_path / "cache").chmod(0o300)

    with pytest.raises(FileCacheError, match="Permission denied"):
        visited(tmp_path)


def test_more_files_than_allowed_are_not_looked_at(tmp_path: Path) -> None:
    for number in range(4):
        page(tmp_path / "cache", str(number), 1)

    with pytest.raises(FileCacheError, match="more than 3 files"):
        visited(tmp_path, max_files=3)


def test_an_entry_of_the_future_is_fresh(tmp_path: Path) -> None:
    page(tmp_path / "cache", "x", -500)
    report = visited(tmp_path)["html"]

    assert report.stale == 0
    assert report.newest_valid == 0


def test_what_is_written_anew_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    page(folder, "new", 1)
    path = page(folder, "old", 300)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        entry = file_caches.CacheEntry(path.name, 300 * 3600, 1, (1, 1))
        assert file_caches._unlink(descriptor, entry) == ""
    finally:
        os.close(descriptor)

    assert path.exists()


@pytest.mark.parametrize("place", [0, 5, 10])
def test_all_old_entries_go_wherever_the_young_one_is_met(tmp_path: Path, place: int) -> None:
    for number in range(11):
        page(tmp_path / "cache", str(number), 1 if number == place else 300)

    report = visited(tmp_path)["html"]

    assert report.due == report.removed == 10
    assert len(report.removable) == len(set(report.removable)) == 5
    assert report.freed == 10 * len("<tr><td>a</td></tr>" * 2)
    assert report.count == 1
    assert names(tmp_path) == {f"page_{place}.html"}


def test_old_entries_stay_when_the_youngest_is_not_valid(tmp_path: Path) -> None:
    for number in range(10):
        page(tmp_path / "cache", str(number), 300)
    page(tmp_path / "cache", "last", 1, rows=0)

    report = visited(tmp_path)["html"]

    assert report.due == report.removed == 0
    assert report.kept_count == 10
    assert len(names(tmp_path)) == 11


def test_two_sweeps_at_once_are_no_trouble_to_each_other(tmp_path: Path) -> None:
    page(tmp_path / "cache", "live", 1)
    for number in range(1000):
        page(tmp_path / "cache", str(number), 300)
    with ThreadPoolExecutor() as pool:
        reports = [done["html"] for done in pool.map(visited, [tmp_path] * 3)]

    assert sum(report.removed for report in reports) == 1000
    assert [report.failed for report in reports] == [[], [], []]
    assert names(tmp_path) == {"page_live.html"}


def test_emptying_spares_what_was_written_since(tmp_path: Path) -> None:
    page(tmp_path / "cache", "old", 5)
    events(tmp_path / "cache", "old", 5)
    now = time.time() - 3600
    page(tmp_path / "cache", "new", 0)

    request = Request(removal="everything", classes=("html",), before=now)
    report = visited(tmp_path, request)

    assert report["html"].removed == 1
    assert report["json"].removed == 0
    assert names(tmp_path) == {"page_new.html", "page_old.json"}


def test_a_change_is_seen_in_the_youngest_entry_that_says_so(tmp_path: Path) -> None:
    own = {"name": "comparison", "files": "c_*.json", "hours": 6, "changed_field": "changed"}
    put(tmp_path / "cache", "c_1.json", '{"changed": 0}', 1)
    put(tmp_path / "cache", "c_2.json", '{"changed": 3}', 2)
    put(tmp_path / "cache", "c_3.json", '{"changed": "x"}', 0.5)

    report = visited(tmp_path, Request(), classes=[own])["comparison"]

    assert report.change == pytest.approx(7200, abs=60)


def test_readers_never_see_an_entry_vanish_that_they_need(tmp_path: Path) -> None:
    """Sweep while a scraper renews entries and readers read the newest ones."""
    folder = tmp_path / "cache"
    page(folder, "live", 0)
    stop = threading.Event()
    empty: list[str] = []

    def renew() -> None:
        while not stop.is_set():
            draft = put(folder, ".draft", "<tr><td>a</td></tr>", 0)
            draft.replace(folder / "page_live.html")

    def read() -> None:
        while not stop.is_set():
            try:
                text = (folder / "page_live.html").read_text()
            except OSError as error:
                text = ""
                empty.append(str(error))
            if not text:
                empty.append("empty")

    threads = [threading.Thread(target=work) for work in (renew, read, read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            page(folder, f"old{number}", 300)
            assert visited(tmp_path, classes=CLASSES[:1])["html"].removed >= 1
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)

    assert empty == []

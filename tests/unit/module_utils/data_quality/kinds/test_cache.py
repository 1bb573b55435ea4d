# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``cache``: pages against entries, fields, ages, and hostile folders."""

from __future__ import annotations

import json
import os
import socket
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.data_quality.kinds import cache

from tests.unit.module_utils.data_quality.conftest import Review

FIELDS: t.Final = {"name": "text", "date": "date", "miles": "whole"}
CHECK: t.Final[dict[str, t.Any]] = {
    "name": "rides",
    "kind": "cache",
    "pages": "rides_*.html",
    "entries": "rides_*.json",
    "items": "events",
    "structure_pattern": r"<tr><td>[^<]*</td><td>[^<]*</td></tr>",
    "fields": FIELDS,
    "life": [{"files": "rides_*.html", "hours": 24}],
    "aspects": {
        "rows": {"requirements": ["R-trailblaze-110"]},
        "fields": {"requirements": ["R-trailblaze-111"]},
    },
}
ROW: t.Final = "<tr><td>Ride</td><td>2026-03-01</td></tr>"
EVENT: t.Final = {"name": "Ride", "date": "2026-03-01", "miles": "25"}


def fill(
    folder: Path, month: str = "2026-03", rows: int = 3, events: t.Any = 3, row: str = ROW
) -> None:
    """Put a page and its entry into the folder; ``events`` is their number or the list itself."""
    (folder / f"rides_{month}.html").write_text("<table>" + row * rows + "</table>")
    made = [EVENT] * events if isinstance(events, int) else events
    (folder / f"rides_{month}.json").write_text(json.dumps({"events": made}))


def look(review: Review, folder: Path, **options: t.Any) -> dict[str, dict[str, t.Any]]:
    return review({**CHECK, "folder": str(folder), **options})


def statuses(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, str]:
    return {
        check.partition(".")[2]: item["status"]
        for check, item in found.items()
        if ".html]" not in check
    }


@pytest.mark.requirement(
    "R-trailblaze-109", "R-trailblaze-110", "R-trailblaze-111", "R-trailblaze-123"
)
def test_pages_and_entries_that_agree(review: Review, tmp_path: Path) -> None:
    for month in ("2026-03", "2026-04"):
        fill(tmp_path, month)

    (tmp_path / "comparison_rides_2026-03.json").write_text("{}")
    (tmp_path / ".rides_2026-05.json.draft").write_text("half of it")
    found = look(review, tmp_path)

    assert statuses(found) == {"rows": "ok", "fields": "ok", "structure": "ok"}
    assert found["cache:rides.fields"]["observed"] == 100
    assert found["cache:rides.rows"]["requirements"] == ["R-trailblaze-110"]
    assert found["cache:rides[rides_*.html].life"]["status"] == "ok"


@pytest.mark.requirement("R-trailblaze-110")
@pytest.mark.parametrize(("rows", "events"), [(3, 2), (3, 4), (0, 1), (3, 0)])
def test_rows_and_events_that_differ(
    review: Review, tmp_path: Path, rows: int, events: int
) -> None:
    fill(tmp_path)
    fill(tmp_path, "2026-04", rows, events)
    found = look(review, tmp_path)["cache:rides.rows"]
    assert found["status"] == "warning"
    assert found["observed"] == 1
    assert f"rides_2026-04.json ({rows} rows, {events} events)" in found["message"]


@pytest.mark.requirement("R-trailblaze-111", "R-trailblaze-123")
@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"name": "Ride", "date": "2026-03-01"}, "miles is missing"),
        ({**EVENT, "miles": "many"}, "miles is not of type whole"),
        ({**EVENT, "miles": True}, "miles is not of type whole"),
        ({**EVENT, "date": "2026-02-30"}, "date is not of type date"),
        ({**EVENT, "name": " "}, "name is not of type text"),
        ("Ride", "it is not an object"),
    ],
)
def test_an_entry_that_does_not_hold_what_it_must(
    review: Review, tmp_path: Path, event: t.Any, word: str
) -> None:
    fill(tmp_path)
    fill(tmp_path, "2026-04", 2, [EVENT, event])
    found = look(review, tmp_path)["cache:rides.fields"]

    assert found["status"] == "warning"
    assert found["observed"] == 50
    assert found["unit"] == "% of entries fit"
    assert f"rides_2026-04.json (item 1: {word})" in found["message"]


@pytest.mark.parametrize("kind", ["whole", "number"])
@pytest.mark.parametrize("digits", [309, 400, 4000])
def test_a_number_of_absurd_length_ends_no_check(
    review: Review, tmp_path: Path, digits: int, kind: str
) -> None:
    fill(tmp_path, rows=1, events=1)
    path = tmp_path / "rides_2026-03.json"
    path.write_text(path.read_text().replace('"25"', "9" * digits))

    found = look(review, tmp_path, fields={**FIELDS, "miles": kind})

    assert statuses(found)["fields"] == "ok"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"events": {}}', '{"events"', "[" * 100_000, "\ufeff{}"]
)
def test_an_entry_that_is_no_json_object_with_its_list(
    review: Review, tmp_path: Path, text: str
) -> None:
    fill(tmp_path)
    (tmp_path / "rides_2026-03.json").write_text(text)

    assert statuses(look(review, tmp_path)) == {
        "rows": "unknown",
        "fields": "warning",
        "structure": "ok",
    }


def test_what_has_no_other_half_is_told(review: Review, tmp_path: Path) -> None:
    for month in ("2026-03", "2026-04", "2026-05"):
        fill(tmp_path, month)

    (tmp_path / "rides_2026-04.html").unlink()
    (tmp_path / "rides_2026-05.json").unlink()
    found = look(review, tmp_path)["cache:rides.rows"]

    assert found["status"] == "ok"
    assert "1 entries without a page, 1 pages without an entry" in found["message"]


@pytest.mark.requirement("R-trailblaze-51")
@pytest.mark.parametrize("row", ["<tr><th>Ride</th></tr>", "<div>Ride</div>"])
def test_a_site_that_changed_is_told(review: Review, tmp_path: Path, row: str) -> None:
    fill(tmp_path)
    fill(tmp_path, "2026-04", 3, 0, row)
    found = look(review, tmp_path)["cache:rides.structure"]
    assert found["status"] == "warning"
    assert found["observed"] == 1
    assert "rides_2026-04.html" in found["message"]


@pytest.mark.requirement("R-trailblaze-109")
def test_files_beyond_their_life_are_counted(review: Review, tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path, "2026-04")
    page = tmp_path / "rides_2026-04.html"
    os.utime(page, (page.stat().st_mtime - 25 * 3600,) * 2)
    found = look(review, tmp_path)["cache:rides[rides_*.html].life"]

    assert found["status"] == "info"
    assert found["observed"] == 1


def test_an_empty_folder_is_unknown_and_so_is_none(review: Review, tmp_path: Path) -> None:
    assert statuses(look(review, tmp_path)) == {
        "rows": "unknown",
        "fields": "unknown",
        "structure": "unknown",
    }

    found = look(review, tmp_path / "gone")

    assert {check: item["status"] for check, item in found.items()} == {"cache:rides": "unknown"}


@pytest.mark.parametrize("kind", ["fifo", "socket", "link", "binary", "huge"])
def test_what_is_no_sane_file_is_never_read(
    review: Review, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, odd = tmp_path / "cache", tmp_path / "cache/rides_2026-04.json"
    folder.mkdir()
    fill(folder)
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(odd))
    elif kind == "link":
        (tmp_path / "secret").write_text("secret")
        odd.symlink_to(tmp_path / "secret")
    else:
        odd.write_bytes(b"\xff\xfe" if kind == "binary" else b" " * 5000)

    monkeypatch.setattr(cache, "MOST_BYTES", 4000)
    found = look(review, folder)

    assert "secret" not in json.dumps(found)
    assert found["cache:rides.rows"]["status"] == "ok"
    assert ("cache:rides.readable" in found) == (kind == "huge")
    assert found["cache:rides.fields"]["status"] == ("warning" if kind == "binary" else "ok")


def test_a_folder_with_too_many_files_is_unknown(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setattr(cache, "MOST_FILES", 1)
    found = look(review, tmp_path)
    assert found["cache:rides"]["status"] == "unknown"
    assert "more than 1 files" in found["cache:rides"]["message"]


@pytest.mark.parametrize(
    "name", [b"\xff", b"a\nb", b"\x1b[2J", b"\xed\xa0\x80", "\u202egpj".encode()]
)
@pytest.mark.parametrize("trouble", ["differs", "unfit", "unreadable", "odd"])
def test_names_of_any_bytes_are_reported_and_stop_nothing(
    review: Review, tmp_path: Path, name: bytes, trouble: str
) -> None:
    fill(tmp_path)
    page = os.fsencode(tmp_path) + b"/rides_" + name + b".html"
    entry = os.fsencode(tmp_path) + b"/rides_" + name + b".json"
    events = [EVENT] * (1 if trouble == "differs" else 2)
    content = {"events": [{}, {}] if trouble == "unfit" else events}
    Path(os.fsdecode(page)).write_text("<table>" + (ROW if trouble != "odd" else "<tr>") * 2)
    Path(os.fsdecode(entry)).write_bytes(
        b"\xff" if trouble == "unreadable" else json.dumps(content).encode()
    )

    found = look(review, tmp_path)
    sent = json.dumps(found, ensure_ascii=False).encode()
    bad = [item for item in found.values() if item["status"] in ("warning", "unknown")]

    assert sent
    assert len(bad) == 1
    assert bad[0]["message"].isprintable()
    assert "rides_" in bad[0]["message"]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "cp1252", "utf-8"])
def test_a_page_in_another_encoding_is_compared(
    review: Review, tmp_path: Path, encoding: str
) -> None:
    fill(tmp_path)
    page = tmp_path / "rides_2026-03.html"
    page.write_bytes(("<p>Zürich</p>" + page.read_text()).encode(encoding))

    found = statuses(look(review, tmp_path))

    assert found["rows"] == "ok"
    assert "readable" not in found

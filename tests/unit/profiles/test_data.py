# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data of the shipped profiles without a figure: the cache of trailblaze, on real files, and the
points of hyperopt.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.data_quality import run
from ansible.module_utils.upkeep.findings import Finding

from tests import evidence
from tests.unit.profiles import data_readings
from tests.unit.profiles.limits import Entry, Limit, profile

ROW: str = "<tr><td>{}</td><td>Moab, UT</td><td>2026-03-01</td><td>2026-03-02</td><td>50</td></tr>"
EVENT: Entry = {
    "name": "Ride",
    "location": "Moab, UT",
    "date_start": "2026-03-01",
    "date_end": "2026-03-02",
    "distance_miles": 50,
}


def entry_of(system: str, kind: str) -> Entry:
    """Return the one check of a kind."""
    [entry] = [one for one in profile(system)["system_data_quality"] if one["kind"] == kind]

    return {key: value for key, value in entry.items() if key != "cadences"}


def fill(folder: Path, rows: int = 3, events: int = 3, row: str = ROW, **changes: object) -> None:
    """Put a page of the calendar and what was made of it into a folder."""
    page = "<table>" + row.format("Ride") * rows + "</table>"
    (folder / "aerc_calendar_2026-03.html").write_text(page)
    made = json.dumps({"events": [{**EVENT, **changes}] * events})
    (folder / "aerc_calendar_2026-03.json").write_text(made)


def judged(folder: Path) -> dict[str, Finding]:
    """Return the findings of the module's run on the shipped entry, in another folder."""
    entry = {**entry_of("trailblaze", "cache"), "folder": str(folder)}
    answer = run.run({"checks": [entry], "run_as": ""})

    return {one["check"].removeprefix("cache:aerc_calendar"): one for one in answer["findings"]}


def test_pages_and_entries_that_agree_are_fine(tmp_path: Path) -> None:
    fill(tmp_path)
    found = judged(tmp_path)

    assert {one["status"] for one in found.values()} == {"ok"}, found
    assert found[".fields"]["observed"] == 100

    evidence.add("trailblaze", found.values(), "all agree")


def test_rows_that_differ_from_events_are_a_warning(tmp_path: Path) -> None:
    fill(tmp_path, events=2)
    found = judged(tmp_path)[".rows"]

    assert found["status"] == "warning"

    evidence.add("trailblaze", [found], "rows differ")


@pytest.mark.parametrize("field", sorted(EVENT))
def test_an_event_without_one_of_its_fields_is_a_warning(tmp_path: Path, field: str) -> None:
    fill(tmp_path, **{field: None})
    found = judged(tmp_path)[".fields"]

    assert found["status"] == "warning"
    assert found["observed"] == 0

    evidence.add("trailblaze", [found], f"field {field}")


def test_a_page_of_another_structure_is_a_warning(tmp_path: Path) -> None:
    fill(tmp_path, row="<tr><td>{}</td><td>somewhere</td></tr>")
    found = judged(tmp_path)[".structure"]

    assert found["status"] == "warning"

    evidence.add("trailblaze", [found], "structure differs")


#: How long files may be used, in hours, as the guide has it.
LIFE: list[tuple[str, int]] = [
    ("aerc_calendar_*.html", 24),
    ("aerc_calendar_*.json", 12),
    ("comparison_*.json", 6),
    ("gemini_*.json", 168),
]


@pytest.mark.parametrize(("pattern", "hours"), LIFE)
def test_a_file_past_its_time_is_told(tmp_path: Path, pattern: str, hours: int) -> None:
    fill(tmp_path)
    path = tmp_path / pattern.replace("*", "2026-03")
    content = path.read_text() if path.exists() else "{}"

    def number(age: float) -> Finding:
        path.write_text(content)
        os.utime(path, (time.time() - age * 3600,) * 2)

        return judged(tmp_path)[f"[{pattern}].life"]

    inside, outside = number(hours - 0.1), number(hours + 0.1)

    assert inside["status"] == "ok"
    assert inside["observed"] == 0
    assert outside["observed"] == 1

    evidence.add("trailblaze", [outside], f"{pattern} {hours} h")


def test_the_points_of_each_pair_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of("hyperopt", "series")
    limit = Limit("hyperopt", "", "series", ("", "points"), 0, "", entry)
    found = data_readings.judged(monkeypatch, limit, 0)
    points = next(one for one in found if one["check"].endswith(".points"))

    assert {one["status"] for one in found} == {"ok"}, found
    assert points["observed"] == 288

    evidence.add("hyperopt", found, "told")

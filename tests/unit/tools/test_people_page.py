# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pages of what people do."""

from __future__ import annotations

import pytest

from tools import PROJECT, people_page, profiles, trace, yamlfiles

ROWS = trace.read_requirements(PROJECT / "docs" / "requirements.csv")


@pytest.mark.parametrize("system", profiles.systems(PROJECT))
def test_everything_that_is_written_down_has_its_place(system: str) -> None:
    assert people_page.UNKNOWN not in people_page.render(PROJECT, system, ROWS)


@pytest.mark.parametrize("system", profiles.systems(PROJECT))
def test_everything_that_people_do_has_id_cadence_and_how(system: str) -> None:
    page = people_page.render(PROJECT, system, ROWS).partition("## What is written down")[0]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| R-")]
    people = [row.id for row in ROWS if row.system == system and row.kind == "H"]

    assert [cells[0].removeprefix("| ") for cells in rows] == people
    assert [cells[0] for cells in rows if not all(cell.strip() for cell in cells[1:4])] == []


def test_a_note_is_on_what_is_only_written_down() -> None:
    kinds = {row.id: row.kind for row in ROWS}

    assert {kinds[item] for item in yamlfiles.read(PROJECT / people_page.NOTES)} == {"D"}

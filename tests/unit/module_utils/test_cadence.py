# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of the cadence that is running."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.cadence import CADENCES, due_in

from upkeep.profile import schema as profile

ALWAYS = {"name": "always"}
DAILY = {"name": "daily", "cadences": ["daily", "weekly"]}


@pytest.mark.parametrize(
    ("cadence", "names"),
    [("daily", ["always", "daily"]), ("hourly", ["always"]), ("", ["always", "daily"])],
)
def test_entries_of_a_cadence(cadence: str, names: list[str]) -> None:
    assert [entry["name"] for entry in due_in([ALWAYS, DAILY], cadence)] == names


def test_the_key_itself_is_taken_away() -> None:
    assert due_in([DAILY], "daily") == [{"name": "daily"}]
    assert "cadences" in DAILY


@pytest.mark.parametrize("named", [["dayly"], []])
def test_an_entry_that_would_never_run_is_an_error(named: list[str]) -> None:
    with pytest.raises(ValueError, match=r"'odd'.*quarter_hourly"):
        due_in([{"name": "odd", "cadences": named}], "daily")


def test_cadences_are_those_of_the_profile() -> None:
    assert list(CADENCES) == profile.schema()["$defs"]["cadence"]["enum"]

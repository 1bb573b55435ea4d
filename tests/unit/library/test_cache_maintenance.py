# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module, called as Ansible does."""

from __future__ import annotations

from pathlib import Path

import pytest

from library import cache_maintenance
from tests.unit.library.module_calls import Call, by_check, caller
from tests.unit.module_utils.cache_maintenance.folders import file_cache, page


@pytest.fixture
def keep(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Give the module with a state file of the test, on an accepted host."""
    call = caller(cache_maintenance, capsys)
    own = {"state_file": str(tmp_path / "state.json"), "require_acceptance": False}

    return lambda **arguments: call(**own, **arguments)


def test_a_second_call_changes_nothing_and_check_mode_foretells_the_first(
    keep: Call, tmp_path: Path
) -> None:
    page(tmp_path / "cache", "old", 300)
    page(tmp_path / "cache", "new", 1)
    caches = [file_cache(tmp_path)]

    foretold = keep(file_caches=caches, _ansible_check_mode=True)
    first = keep(file_caches=caches)
    again = keep(file_caches=caches)

    assert foretold["diff"] == first["diff"]
    assert first["changed"] is True
    assert again["changed"] is False
    assert by_check(again)["cache:calendar[html].expired"]["status"] == "ok"


def test_a_host_without_caches_has_one_finding(keep: Call) -> None:
    assert by_check(keep())["cache:none"]["status"] == "info"


def test_names_may_come_as_text(keep: Call, tmp_path: Path) -> None:
    page(tmp_path / "cache", "a", 1)
    answer = keep(file_caches=[file_cache(tmp_path)], empty="calendar.html")

    assert answer["changed"] is True


def test_bad_input_fails_with_advice(keep: Call) -> None:
    answer = keep(empty=["shop"])

    assert answer["failed"] is True
    assert "known are: all" in answer["msg"]

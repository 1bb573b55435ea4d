# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run as a finding."""

from __future__ import annotations

import pytest

from tests import evidence
from tests.unit.profiles.limits import profile
from upkeep.judge.own_report import report_findings


@pytest.mark.requirement("R-racing-04", "R-racing-10")
def test_racing_has_its_report_and_sees_it() -> None:
    [found] = report_findings({"racing": profile("racing")["system_run_report"], "other": {}})

    assert found["check"] == "run:report"
    assert found["requirements"] == ["R-racing-04", "R-racing-10"]
    assert found["observed"] == "shown"
    evidence.add("racing", [found])


def test_a_report_that_is_not_shown_is_still_kept() -> None:
    [found] = report_findings({"shop": {"shown": False, "requirements": ["R-shop-01"]}})

    assert found["observed"] == "kept"
    assert "only its place is named" in found["message"]


def test_who_asks_for_none_has_no_finding() -> None:
    assert report_findings({"shop": {"shown": True}}) == []

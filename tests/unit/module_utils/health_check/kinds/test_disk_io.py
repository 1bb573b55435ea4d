# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind disk_io."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.kinds import disk_io
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import Clock

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"warning": 50}


@pytest.mark.requirement("R-student_success-22")
def test_work_of_the_disks(clock: Clock) -> None:
    row = "254 0 vda {} 0 {} 0 {} 0 {} 0 0 {} 0 0 0 0 0\n7 0 loop0 9 9 9 9 9 9 9 9 9 9 9\n"
    (clock.folder / "DISKSTATS").write_text(row.format(1, 0, 1, 0, 0))
    _found, before = clock.check("disk_io", warning=50)
    (clock.folder / "DISKSTATS").write_text(row.format(1, 400000, 1, 200000, 75000))
    clock.at += 100
    found, _kept = clock.check("disk_io", before, warning=50)

    assert (found["status"], found["observed"]) == ("warning", 75.0)
    assert "2.05 MB/s read, 1.02 MB/s written" in found["message"]

    (clock.folder / "DISKSTATS").write_text("")

    assert clock.check("disk_io")[0]["message"] == "this host shows no disk of its own"


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    disk_io.parse(text, {"vda"})

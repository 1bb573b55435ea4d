# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind cpu."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.kinds import cpu
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import Clock

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"warning": 70}


@pytest.mark.requirement("R-fairedge-13", "R-student_success-48")
def test_use_of_the_processors_since_the_look_before(clock: Clock) -> None:
    (clock.folder / "STAT").write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n")
    found, before = clock.check("cpu", warning=80)

    assert (found["status"], "is not known yet" in found["message"]) == ("info", True)

    (clock.folder / "STAT").write_text("cpu  900 0 150 900 50 0 0 0 0 0\n")
    clock.at += 30
    found, kept = clock.check("cpu", before, warning=80)

    assert (found["status"], kept) == ("info", before), "too early: the older figures stay"

    clock.at += 870
    found, kept = clock.check("cpu", before, warning=80)

    assert (found["status"], found["observed"], found["expected"]) == (
        "warning",
        85.0,
        "at most 80",
    )
    assert "over the last 15 minutes" in found["message"]
    assert kept["at"] == clock.at

    (clock.folder / "CONTAINER").write_text("podman")

    assert clock.check("cpu", before, warning=80)[0]["status"] == "info", (
        "the machine is not the container's"
    )

    (clock.folder / "STAT").write_text("intr 1\n")

    assert clock.check("cpu")[0]["status"] == "unknown"


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    with contextlib.suppress(ValueError):
        cpu.parse(text)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind memory."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import memory
from hypothesis import given
from hypothesis import strategies as st

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {}

Observed = Callable[..., dict[str, Finding]]


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    memory.parse(text)


MEMINFO = (
    "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 120 kB\n"
    "SwapTotal: 1000 kB\nSwapFree: 900 kB\n"
)


@pytest.mark.requirement("R-fairedge-14", "R-hyperopt-04")
@pytest.mark.parametrize(
    ("swap", "percent", "status"), [(False, 88.0, "warning"), (True, 49.0, "ok")]
)
def test_memory_that_can_still_be_had(
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    swap: bool,
    percent: float,
    status: str,
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    memory.MEMINFO.write_text(MEMINFO)
    found = observed("memory", include_swap=swap)["memory:x"]

    assert (found["observed"], found["status"], found["expected"]) == (
        percent,
        status,
        "at most 85",
    )

    memory.MEMINFO.write_text("MemTotal: 1000 kB\n")

    assert observed("memory")["memory:x"]["status"] == "unknown"

    memory.MEMINFO.unlink()

    assert observed("memory")["memory:x"]["status"] == "unknown"

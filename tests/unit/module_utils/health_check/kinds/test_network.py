# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind network."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check.kinds import network
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import Clock

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"warning": 5}


@pytest.mark.requirement("R-fairedge-16", "R-trailblaze-17")
def test_traffic_without_the_loopback(clock: Clock) -> None:
    row = (
        "Inter-| Receive\n lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n"
        "eth0:{} 1 0 0 0 0 0 0 {} 1 2 0 0 0 0 0\n"
    )
    (clock.folder / "DEV").write_text(row.format(0, 0))
    _found, before = clock.check("network", warning=10)
    (clock.folder / "DEV").write_text(row.format(900_000_000, 300_000_000))
    clock.at += 100
    found, _kept = clock.check("network", before, warning=10)

    assert (found["status"], found["observed"], found["unit"]) == ("warning", 12.0, "MB/s")
    assert found["message"].startswith("9.000 MB/s received, 3.000 MB/s sent, 0 errors")


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    network.parse(text)

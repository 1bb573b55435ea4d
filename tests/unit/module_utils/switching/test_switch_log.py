# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose journal is read while a release is confirmed."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.switching import switch
from ansible.module_utils.upkeep.switching.log_tail import LogTail

from tests.unit.module_utils.switching.conftest import UNIT, Service


@pytest.mark.parametrize(
    ("strategy", "unit"), [("restart", UNIT), ("blue_green", "shop-api-next.service")]
)
def test_the_journal_that_counts_is_that_of_the_new_release(
    service: Service, monkeypatch: pytest.MonkeyPatch, strategy: str, unit: str
) -> None:
    """Beside the old release, the new one writes as a unit of its own."""
    switcher = service.switcher(strategy=strategy)
    switcher.adopt()
    switcher.switch(service.add("1", strategy))
    read: list[t.Sequence[str]] = []

    def tail(window: t.Any, units: t.Sequence[str]) -> LogTail:
        read.append(units)
        return LogTail(window, units)

    monkeypatch.setattr(switch, "LogTail", tail)
    switcher.switch(service.add("2", strategy))

    assert read == [(unit,)]

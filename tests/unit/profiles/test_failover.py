# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The failover test of the shipped profile, with the limit of its guide.

Two small servers stand for the two instances; unit, limit, name and ids are the profile's.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.failover_test import run as failover_run
from ansible.module_utils.upkeep.failover_test.run import run
from ansible.module_utils.upkeep.failover_test.settings import parse
from ansible.module_utils.upkeep.failover_test.testing import FailoverOutcome

from tests import evidence
from tests.unit.module_utils.failover_test.conftest import Pair, pair
from tests.unit.profiles.limits import profile

__all__ = ["pair"]

(ENTRY,) = profile("hyperopt")["system_failover_tests"]
LIMIT: t.Final = 10
DAY: t.Final = 86400.0
TOOK: t.Final = FailoverOutcome(float(LIMIT), "hyperopt-api2:8001", 100, 1, "", 2.0)


def keep(answer: dict[str, t.Any], figure: str) -> None:
    """Keep what was seen."""
    evidence.add("hyperopt", answer["findings"], figure)


@pytest.fixture
def shipped(pair: Pair) -> dict[str, t.Any]:
    """Return the options with the profile's entry, asked at the addresses of the pair."""
    pair.unit = ENTRY["unit"]
    own = {key: pair.options()[key] for key in ("address", "others", "interval")}

    return {"services": [{**ENTRY, **own}], "state_file": str(pair.folder / "state.json")}


@pytest.mark.requirement("R-hyperopt-77")
@pytest.mark.parametrize(("seconds", "status"), [(10.0, "ok"), (10.01, "critical")])
def test_the_second_must_take_over_within_ten_seconds(
    shipped: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch, seconds: float, status: str
) -> None:
    monkeypatch.setattr(failover_run, "stop_and_watch", lambda _: replace(TOOK, seconds=seconds))

    answer = run(parse({**shipped, "state": "tested"}), check_mode=False)

    assert answer["findings"][0]["status"] == status
    keep(answer, "take_over_seconds 10")


@pytest.mark.requirement("R-hyperopt-76", "R-hyperopt-78")
def test_the_primary_is_stopped_and_started_again(pair: Pair, shipped: dict[str, t.Any]) -> None:
    answer = run(parse({**shipped, "state": "tested"}), check_mode=False)

    assert answer["done"], answer["findings"]
    orders = [call for call in pair.calls if call.endswith(" hyperopt-api.service")]
    assert orders == ["stop hyperopt-api.service", "start hyperopt-api.service"]
    keep(answer, "hyperopt-api.service")


@pytest.mark.requirement("R-hyperopt-76")
@pytest.mark.parametrize(("days", "status"), [(100, "ok"), (100.1, "warning")])
def test_a_quarter_without_a_test_is_seen(
    shipped: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch, days: float, status: str
) -> None:
    monkeypatch.setattr(failover_run, "stop_and_watch", lambda _: TOOK)
    run(parse({**shipped, "state": "tested"}), check_mode=False, clock=lambda: 0.0)

    answer = run(parse(shipped), check_mode=False, clock=lambda: days * DAY)

    assert answer["findings"][0]["status"] == status
    keep(answer, "promised_days 100")


def test_the_second_instance_is_asked_where_the_guide_has_it() -> None:
    assert ENTRY["others"] == ["hyperopt-api2:8001"]
    assert ENTRY["take_over_seconds"] == LIMIT

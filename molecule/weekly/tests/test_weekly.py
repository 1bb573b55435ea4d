# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shipped weekly playbook on the fleet: truthful check mode, no second change, a broken host holds its system."""

from __future__ import annotations

import typing as t

import pytest

Records = t.Callable[[str], list[dict[str, t.Any]]]


def changed(record: dict[str, t.Any]) -> set[tuple[str, str]]:
    return {(change["host"], change["task"]) for change in record["changes"]}


def test_check_mode_predicted_exactly_what_the_run_changed(records: Records) -> None:
    check, run = records("weekly")[:2]
    assert (check["check_mode"], run["check_mode"]) == (True, False)
    assert changed(check) == changed(run) != set()


def test_the_second_run_changed_nothing(records: Records) -> None:
    assert changed(records("weekly")[2]) == set()


def test_a_clean_fleet_gives_no_warning(records: Records) -> None:
    # How fast a service answers says more about the machine that runs these tests than about the service.
    seen = [f for f in records("weekly")[2]["findings"] if not f["check"].endswith(".latency")]
    assert [f for f in seen if f["status"] not in ("ok", "info")] == []


def test_starts_per_host_stay_within_the_budget(records: Records) -> None:
    hosts = records("weekly")[2]["hosts"]
    assert {name: host["remote_tasks"] for name, host in hosts.items() if host["remote_tasks"] > 15} == {}


@pytest.mark.parametrize(
    ("broken", "system"),
    [
        ("hyperopt-db", "hyperopt"),
        ("fairedge-1", "fairedge"),
    ],
)
@pytest.mark.requirement("R-hyperopt-03", "R-fairedge-06")
def test_a_database_that_is_down_holds_its_whole_system(
    fleet_host: t.Callable[[str], t.Any],
    play: t.Callable[..., t.Any],
    records: Records,
    postgresql_unit: t.Callable[[t.Any], str],
    broken: str,
    system: str,
) -> None:
    host = fleet_host(broken)
    unit = postgresql_unit(host)
    host.check_output(f"systemctl stop {unit}")
    try:
        done = play("weekly", "-e", '{"verdict_fail_on": ["critical"]}')
    finally:
        host.check_output(f"systemctl start {unit}")
    record = records("weekly")[-1]
    assert done.returncode == 2
    assert record["outcome"] == "findings"
    assert record["failed_tasks"] == []
    gates = {
        f["host"]: f["status"] for f in record["findings"] if f["check"] == "gate:change" and f["system"] == system
    }
    assert set(gates.values()) == {"critical"}
    assert [c for c in record["changes"] if c["system"] == system] == []

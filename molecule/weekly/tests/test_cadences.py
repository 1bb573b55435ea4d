# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The other cadences on the fleet that the weekly run left behind: looks that only look, and the jobs of the day."""

from __future__ import annotations

import typing as t

import pytest

Play = t.Callable[..., t.Any]
Records = t.Callable[[str], list[dict[str, t.Any]]]


def changed_hosts(record: dict[str, t.Any]) -> set[str]:
    """Return the hosts on which a run changed something."""
    return {change["host"] for change in record["changes"]}


@pytest.mark.parametrize(
    ("cadence", "areas"),
    [("quarter_hourly", {"health_check"}), ("hourly", {"health_check", "log_review", "data_quality"})],
)
def test_a_look_changes_nothing_and_takes_no_lock(play: Play, records: Records, cadence: str, areas: set[str]) -> None:
    done = play(cadence)
    assert done.returncode == 0, done.stdout
    record = records(cadence.replace("_", "-"))[-1]
    assert {finding["area"] for finding in record["findings"]} == areas
    assert changed_hosts(record) == set()


def test_only_systems_with_a_job_of_the_day_get_it_and_once(
    fleet_host: t.Callable[[str], t.Any], play: Play, records: Records
) -> None:
    for host, database in (("fairedge-1", "fairedge_prod"), ("hyperopt-db", "hyperopt")):
        # Autovacuum would do the job of the day when it comes first.
        query = "CREATE TABLE of_the_day WITH (autovacuum_enabled = false) AS SELECT generate_series(1, 5000) AS day"
        fleet_host(host).check_output(f'cd / && runuser -u postgres -- psql -d {database} -c "{query}"')
    runs = [play("daily") for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[-1].stdout
    first, second = records("daily")[-2:]
    assert changed_hosts(first) == {"fairedge-1"}
    assert changed_hosts(second) == set()
    assert {f["system"] for f in first["findings"] if f["area"] == "db_maintenance"} == {"fairedge"}

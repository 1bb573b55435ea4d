# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exit code follows the findings.

0 on a healthy host, 2 with the database down, 0 when that is acknowledged.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import yaml


class Down(t.NamedTuple):
    """Return runs with the database down: plain, acknowledged, and the same in check mode.

    ``first`` is the newest line of the tracking sheet after the first of them, ``last`` the one
    after all.
    """

    run: subprocess.CompletedProcess[str]
    record: dict[str, t.Any]
    acknowledged: subprocess.CompletedProcess[str]
    first: dict[str, str]
    last: dict[str, str]


@pytest.fixture(scope="module")
def down(
    host: t.Any,
    postgresql_unit: t.Callable[[t.Any], str],
    play: t.Callable[..., t.Any],
    record: t.Callable[[str], dict[str, t.Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Down:
    known = tmp_path_factory.mktemp("known") / "known.yml"
    host.check_output("systemctl stop %s", postgresql_unit(host))
    try:
        run = play("converge")
        seen, first = record("converge"), _sheet()
        known.write_text(
            yaml.safe_dump(
                [_acknowledged(f) for f in seen["findings"] if f["status"] == "critical"]
            )
        )
        acknowledged = play("converge", "-e", f"verdict_acknowledgements={known}")
        play("converge", "--check")
        return Down(run, seen, acknowledged, first, _sheet())
    finally:
        host.check_output("systemctl start %s", postgresql_unit(host))


def _acknowledged(finding: dict[str, t.Any]) -> dict[str, t.Any]:
    words = {
        "status": "critical",
        "owner": "tests",
        "reason": "stopped",
        "until": datetime.now(UTC).date() + timedelta(days=30),
    }
    return {"fingerprint": finding["fingerprint"], **words}


def _sheet() -> dict[str, str]:
    """Return the newest line of the tracking sheet of fairedge."""
    command = [
        sys.executable,
        "-m",
        "upkeep",
        "kpis",
        "--store",
        os.environ["UPKEEP_STORE"],
        "--system",
        "fairedge",
    ]
    done = subprocess.run(
        command,
        cwd=os.environ["MOLECULE_PROJECT_DIRECTORY"],
        capture_output=True,
        text=True,
        check=True,
    )

    return list(csv.DictReader(io.StringIO(done.stdout)))[-1]


def test_a_healthy_host_passes(records: t.Callable[[str], list[dict[str, t.Any]]]) -> None:
    # Check, run and second run of the scenario, each of which ended with exit code 0.
    assert [record["outcome"] for record in records("converge")[:3]] == ["ok"] * 3


def test_a_database_that_is_down_fails_the_run_unless_that_is_acknowledged(down: Down) -> None:
    assert down.run.returncode == 2
    assert "unit:postgresql is critical" in down.run.stdout
    assert down.record["outcome"] == "findings"
    assert down.acknowledged.returncode == 0


@pytest.mark.requirement("R-fairedge-14", "R-fairedge-15")
def test_key_figures_outlive_their_runs(down: Down) -> None:
    assert int(down.last["Samples"]) == int(down.first["Samples"]) + 1, "check mode gives no sample"
    assert 0 < float(down.first["Uptime"].split()[0]) < 100, "up at first, down now"
    assert float(down.last["Uptime"].split()[0]) < float(down.first["Uptime"].split()[0])
    assert (down.first["Memory in use: target"], down.first["Disk in use: target"]) == (
        "at most 85",
        "at most 90",
    )
    assert float(down.first["Memory in use"].split()[0]) > 0
    assert "findings" in down.last["Notes"]


def test_a_history_that_cannot_be_reached_does_not_fail_the_run(
    play: t.Callable[..., t.Any],
    record: t.Callable[[str], dict[str, t.Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPKEEP_HISTORY", "postgresql+psycopg2://upkeep:secret@127.0.0.1:1/kpis")
    done = play("converge")

    assert done.returncode == 0, done.stdout
    assert "could not keep the key figures" in done.stdout
    assert "secret" not in done.stdout
    assert record("converge")["kpis"]

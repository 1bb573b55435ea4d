# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exit code follows the findings: 0 on a healthy host, 2 with the database down, 0 when that is acknowledged."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def _database_down(host: t.Any, postgresql_unit: t.Callable[[t.Any], str]) -> t.Iterator[None]:
    host.check_output("systemctl stop %s", postgresql_unit(host))
    yield
    host.check_output("systemctl start %s", postgresql_unit(host))


def test_a_healthy_host_passes(play: t.Callable[..., t.Any]) -> None:
    assert play("converge").returncode == 0


@pytest.mark.usefixtures("_database_down")
def test_a_database_that_is_down_fails_the_run(
    play: t.Callable[..., t.Any], record: t.Callable[[str], dict[str, t.Any]], tmp_path: Path
) -> None:
    done = play("converge")
    assert done.returncode == 2
    assert "unit:postgresql is critical" in done.stdout
    assert record("converge")["outcome"] == "findings"
    known = [
        {"fingerprint": f["fingerprint"], "status": "critical", "owner": "tests", "reason": "stopped", "until": _far()}
        for f in record("converge")["findings"]
        if f["status"] == "critical"
    ]
    (tmp_path / "known.yml").write_text(yaml.safe_dump(known))
    assert play("converge", "-e", f"verdict_acknowledgements={tmp_path / 'known.yml'}").returncode == 0


def _sheet() -> dict[str, str]:
    """Return the newest line of the tracking sheet of fairedge."""
    command = [sys.executable, "-m", "upkeep", "kpis", "--store", os.environ["UPKEEP_STORE"], "--system", "fairedge"]
    done = subprocess.run(
        command, cwd=os.environ["MOLECULE_PROJECT_DIRECTORY"], capture_output=True, text=True, check=True
    )
    return list(csv.DictReader(io.StringIO(done.stdout)))[-1]


@pytest.mark.usefixtures("_database_down")
@pytest.mark.requirement("R-fairedge-14", "R-fairedge-15")
def test_key_figures_outlive_their_runs(play: t.Callable[..., t.Any]) -> None:
    play("converge")
    first = _sheet()
    play("converge")
    play("converge", "--check")
    second = _sheet()
    assert int(second["Samples"]) == int(first["Samples"]) + 1, "check mode gives no sample"
    assert 0 < float(first["Uptime"].split()[0]) < 100, "up at first, down now"
    assert float(second["Uptime"].split()[0]) < float(first["Uptime"].split()[0])
    assert (first["Memory in use: target"], first["Disk in use: target"]) == ("at most 85", "at most 90")
    assert float(first["Memory in use"].split()[0]) > 0
    assert "findings" in second["Notes"]


def test_a_history_that_cannot_be_reached_does_not_fail_the_run(
    play: t.Callable[..., t.Any], record: t.Callable[[str], dict[str, t.Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPKEEP_HISTORY", "postgresql+psycopg2://upkeep:secret@127.0.0.1:1/kpis")
    done = play("converge")
    assert done.returncode == 0, done.stdout
    assert "could not keep the key figures" in done.stdout
    assert "secret" not in done.stdout
    assert record("converge")["kpis"]


def _far() -> t.Any:
    return yaml.safe_load("2999-12-31")

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recipes of the guides that read logs, each shown to go wrong, and what is counted instead."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.module_utils.log_review.log_samples import ago, count, findings, source


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=20
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "dashboard.log"
    path.write_text(f"{ago(minutes=5)} INFO dashboard: fine\n")
    return path


@pytest.mark.requirement("R-racing-07")
def test_the_good_case_of_the_guide_counts_two_zeros(log: Path) -> None:
    said = shell(f"grep -c 'ERROR\\|Exception' {log} || echo 0").stdout

    assert said == "0\n0\n"
    assert shell(f"[ '{said}' -gt 10 ]").returncode == 2, (
        "the comparison itself breaks, so nothing is ever reported"
    )
    assert count(log, pattern="ERROR|Exception") == 0


@pytest.mark.requirement("R-racing-07")
def test_a_missing_log_is_no_zero(log: Path) -> None:
    log.unlink()

    assert shell(f"grep -c ERROR {log} 2>/dev/null || echo 0").stdout == "0\n"

    found = findings(
        source(paths=[str(log)], reviews=[{"name": "errors", "pattern": "ERROR", "critical": 0}])
    )

    assert found["log:app"]["status"] == "unknown"


@pytest.mark.requirement("R-racing-07", "R-racing-60")
def test_a_count_of_the_whole_file_is_no_count_of_a_day(log: Path) -> None:
    old = [f"{ago(days=20, minutes=n)} ERROR dashboard: a bad day" for n in range(60, 0, -1)]
    log.write_text("\n".join([*old, f"{ago(hours=2)} ERROR dashboard: one today"]) + "\n")

    assert shell(f"grep -c ERROR {log}").stdout == "61\n", (
        "beyond the limit of 50, three weeks after"
    )
    assert (count(log, pattern="ERROR"), count(log, hours=1, pattern="ERROR")) == (1, 0)


@pytest.mark.requirement("R-racing-26", "R-racing-27")
def test_what_was_rotated_away_still_counts(log: Path) -> None:
    log.write_text("".join(f"{ago(hours=n)} ERROR dashboard: {n}\n" for n in (8, 6, 4)))

    assert (
        shell(f"mv {log} {log}.1 && gzip {log}.1 && touch {log} && grep -c ERROR {log}").stdout
        == "0\n"
    )
    assert count(log, pattern="ERROR") == 3


@pytest.mark.requirement("R-racing-16")
def test_the_line_of_the_start_is_found_behind_a_rotation(log: Path) -> None:
    log.write_text(f"{ago(days=9)} INFO dashboard: Using SimplePostRacePredictor\n")
    shell(f"mv {log} {log}-20260101 && echo '{ago(minutes=1)} INFO dashboard: fine' > {log}")

    assert shell(f"grep 'Using.*Predictor' {log} | tail -1").stdout == ""

    asked = {
        "measure": "newest",
        "pattern": "Using.*Predictor",
        "expected": "SimplePostRacePredictor",
        "window": "30d",
    }
    found = findings(source(paths=[str(log)], reviews=[{"name": "predictor", **asked}]))

    assert found["log:app.predictor"]["status"] == "ok"


def test_a_traceback_is_one_error(log: Path) -> None:
    log.write_text(
        f"{ago(minutes=5)} ERROR app: failed\n"
        "Traceback (most recent call last):\nValueError: Exception\n"
    )
    assert shell(f"grep -c 'ERROR\\|Exception' {log}").stdout == "2\n"
    assert count(log, pattern="ERROR|Exception") == 1


def test_looking_for_a_process_by_its_log_finds_the_one_who_looks() -> None:
    looked = shell("bash -c 'pgrep -f no-such-dashboard | wc -l; true'")
    assert looked.stdout.strip() != "0", (
        "the shell that carries the pattern in its arguments matches it"
    )


@pytest.mark.requirement("R-student_success-107")
def test_the_seventh_word_is_the_path_in_one_format_only(log: Path) -> None:
    log.write_text(
        f"{ago(minutes=5)} INFO services.api: Request processed GET /api/predictions 200 OK 3 ms\n"
    )

    assert shell(f"grep 'GET\\|POST' {log} | cut -d' ' -f7").stdout == "/api/predictions\n"

    log.write_text(f"{ago(minutes=5)} INFO api: GET /api/predictions 200 OK 3 ms\n")

    assert shell(f"grep 'GET\\|POST' {log} | cut -d' ' -f7").stdout == "OK\n"

    asked = {"measure": "ranking", "pattern": r" (?:GET|POST) (?P<path>/\S*) \d{3} ", "by": "path"}
    found = findings(source(paths=[str(log)], reviews=[{"name": "paths", **asked}]))

    assert "/api/predictions: 1" in found["log:app.paths"]["message"]


@pytest.mark.requirement("R-fairedge-105")
def test_the_last_field_of_a_json_line_is_no_address(log: Path) -> None:
    row = '{"timestamp": "%s", "message": "auth_failed", '
    row += '"client_ip": "192.0.2.7", "status_code": 401}'
    log.write_text(row % ago(minutes=5) + "\n")

    assert shell(f"grep auth_failed {log} | awk '{{print $NF}}'").stdout == "401}\n"

    asked = {"measure": "ranking", "pattern": "auth_failed", "by": "client_ip"}
    found = findings(
        source(paths=[str(log)], format="json", reviews=[{"name": "addresses", **asked}])
    )

    assert "192.0.2.7: 1" in found["log:app.addresses"]["message"]


@pytest.mark.requirement("R-student_success-87", "R-fairedge-107")
def test_searching_for_secrets_must_not_print_them(log: Path) -> None:
    log.write_text(
        f"{ago(minutes=5)} INFO app: password=hunter2hunter2\n"
        f"{ago(minutes=4)} INFO app: monkey is a keyword\n"
    )
    said = shell(f"grep -i 'password\\|secret\\|key\\|token' {log} | grep -v masked").stdout

    assert ("hunter2" in said, "monkey" in said) == (True, True)

    found = findings(
        source(paths=[str(log)], reviews=[{"name": "secrets", "secrets": True, "warning": 0}])
    )

    assert found["log:app.secrets"]["observed"] == 1
    assert "hunter2" not in found["log:app.secrets"]["message"]

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switches hold for one run; a unit that is at work, unknown or slow is left alone."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance.scraper_units import (
    DROP_IN,
    BusyError,
    ScraperError,
    run,
)
from ansible.module_utils.upkeep.cache_maintenance.settings import Scraper

from tests.unit.module_utils.cache_maintenance.folders import settings

IDLE: t.Final = r"LoadState=loaded\nActiveState=inactive\nResult=success\nType=oneshot\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a systemctl first in PATH that notes its words and the drop-in that is there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    systemctl(tmp_path)

    return tmp_path


def systemctl(folder: Path, shown: str = IDLE, started: str = "exit 0") -> None:
    script = f"""#!/bin/sh
shift 2
echo "$1" >> {folder}/calls
case $1 in
show) printf '{shown}' ;;
start) cat {folder}/units/s.service.d/{DROP_IN} > {folder}/seen 2>/dev/null
       {started} ;;
esac
"""
    (folder / "systemctl").write_text(script)
    (folder / "systemctl").chmod(0o755)


def scraper(folder: Path, **options: t.Any) -> Scraper:
    """Return a scraper with two switches."""
    entry = {
        "name": "s",
        "unit": "s.service",
        "refresh": {"variable": "REFRESH"},
        "debug": {"variable": "DEBUG", "value": "1"},
        **options,
    }

    return settings(folder, scrapers=[entry]).scrapers[0]


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().split()


def test_switches_are_there_at_the_start_and_gone_afterwards(folder: Path) -> None:
    run(scraper(folder), ["refresh", "debug"], folder / "units")

    assert (folder / "seen").read_text() == "[Service]\nEnvironment=REFRESH=true DEBUG=1\n"
    assert not (folder / "units" / "s.service.d" / DROP_IN).exists()
    assert calls(folder) == [
        "show",
        "daemon-reload",
        "reset-failed",
        "start",
        "daemon-reload",
        "show",
    ]


def test_a_plain_run_touches_no_file_of_systemd(folder: Path) -> None:
    run(scraper(folder), [], folder / "units")

    assert calls(folder) == ["show", "reset-failed", "start", "show"]
    assert not (folder / "units").exists()


def test_what_a_killed_run_left_is_taken_away_first(folder: Path) -> None:
    left = folder / "units" / "s.service.d" / DROP_IN
    left.parent.mkdir(parents=True)
    left.write_text("[Service]\nEnvironment=REFRESH=true\n")

    run(scraper(folder), [], folder / "units")

    assert not left.exists()
    assert (folder / "seen").read_text() == ""


def test_switches_are_taken_away_after_a_failure_too(folder: Path) -> None:
    systemctl(folder, started="echo failed >&2; exit 1")
    with pytest.raises(ScraperError, match="failed"):
        run(scraper(folder), ["refresh"], folder / "units")

    assert not (folder / "units" / "s.service.d" / DROP_IN).exists()


@pytest.mark.parametrize(
    ("shown", "error", "message"),
    [
        (IDLE.replace("inactive", "activating"), BusyError, "runs already"),
        (IDLE.replace("loaded", "not-found"), ScraperError, "is not-found to systemd"),
        (IDLE.replace("oneshot", "simple"), ScraperError, "not of type oneshot"),
        (IDLE.replace("=success", "=exit-code"), ScraperError, "ended with exit-code"),
    ],
)
def test_a_unit_that_is_not_idle_or_did_not_succeed(
    folder: Path, shown: str, error: type[Exception], message: str
) -> None:
    systemctl(folder, shown)
    with pytest.raises(error, match=message):
        run(scraper(folder), [], folder / "units")


def test_one_that_takes_too_long_is_left_running(folder: Path) -> None:
    systemctl(folder, started="sleep 30")
    with pytest.raises(ScraperError, match="still runs after 1 s"):
        run(scraper(folder, max_seconds=1), ["refresh"], folder / "units")

    assert not (folder / "units" / "s.service.d" / DROP_IN).exists()

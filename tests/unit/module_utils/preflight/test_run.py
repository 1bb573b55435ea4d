# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One check that hangs or dies does not hold up the others."""

from __future__ import annotations

import os
import threading
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.isolated import IsolatedError
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.preflight import host, legacy
from ansible.module_utils.upkeep.preflight import run as preflight
from ansible.module_utils.upkeep.preflight.settings import parse, parse_legacy


def settings(tmp_path: Path, **values: t.Any) -> t.Any:
    return parse({"host": "app1", "marker": str(tmp_path / "accepted.json"), **values})


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding["check"]: finding for finding in findings}


def hang(*_: t.Any) -> t.NoReturn:
    threading.Event().wait()
    raise AssertionError


def test_a_mount_that_hangs_is_unknown_and_the_rest_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statvfs = os.statvfs
    monkeypatch.setattr(
        host.os, "statvfs", lambda path: hang() if path == "/dead" else statvfs(path)
    )
    monkeypatch.setattr(preflight, "CHECK_SECONDS", 3.0)
    disks = [{"path": path, "min_free_percent": 0} for path in ("/dead", "/")]

    found = by_check(preflight.run(settings(tmp_path, disk=disks), False)["findings"])

    assert found["disk:/dead"]["status"] == "unknown"
    assert "took more than 3 s" in found["disk:/dead"]["message"]
    assert found["disk:/"]["status"] == "ok"
    assert found["host:accepted"]["status"] == "critical"


def test_a_check_that_ends_its_process_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "python", lambda: os._exit(9))

    found = by_check(preflight.run(settings(tmp_path), False)["findings"])

    assert found["host:python"]["status"] == "unknown"
    assert found["host:rights"]["observed"] == os.geteuid()


def test_at_the_end_of_the_time_what_is_left_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "rights", hang)
    planned = preflight.checks(settings(tmp_path, units=[{"name": "a.service"}]))

    found = by_check(preflight._check(planned, Deadline(0.3)))

    assert {finding["status"] for finding in found.values()} == {"unknown"}
    assert "unit:a.service" in found


def test_a_file_that_needs_too_much_memory_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "scan", lambda patterns: bytes(2 << 30))

    found = by_check(preflight.run(settings(tmp_path), False)["findings"])

    assert found["legacy:scan"]["status"] == "unknown"
    assert "more memory than it may use" in found["legacy:scan"]["message"]


def test_a_takeover_that_cannot_search_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy, "_candidates", hang)

    with pytest.raises(IsolatedError, match="could not be searched: it took more than"):
        preflight.take_over(
            parse_legacy({"patterns": ["x"], "state": "adopted", "max_seconds": 1}), False
        )

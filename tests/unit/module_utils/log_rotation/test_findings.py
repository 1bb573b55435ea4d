# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings on one log."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.log_rotation.findings import (
    LogObservation,
    errors_on,
    log_findings,
)
from ansible.module_utils.upkeep.log_rotation.logrotate import LogrotateOutput
from ansible.module_utils.upkeep.log_rotation.rotated_files import LateWriter, RotatedFile

from tests.unit.module_utils.log_rotation.logrotate_samples import entry, parse_logs

NOW = 1_800_000_000.0
DAY = 86400
LOG = "/var/log/fairedge/api.log"


def seen(spec: dict[str, t.Any] | None = None, **changes: t.Any) -> LogObservation:
    """Return a log in good order, with changes."""
    values: dict[str, t.Any] = {
        "present": [LOG],
        "sizes": {LOG: 100},
        "last_rotations": {LOG: NOW - DAY},
        "rotated_files": [rotated(1, compressed=False), rotated(2)],
    }
    return LogObservation(parse_logs(entry(**(spec or {})))[0], **{**values, **changes})


def rotated(age_days: float, compressed: bool = True) -> RotatedFile:
    return RotatedFile(LOG, f"{LOG}-{age_days}", NOW - age_days * DAY, compressed)


def statuses(log: LogObservation) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in log_findings(log, NOW)}


@pytest.mark.requirement("R-fairedge-27")
def test_a_log_in_good_order_is_ok_in_every_aspect() -> None:
    found = log_findings(seen({"requirements": ["R-fairedge-27"]}), NOW)

    assert {finding["status"] for finding in found} == {"ok"}
    assert [finding["check"] for finding in found] == [
        "log:api",
        "log:api.size",
        "log:api.age",
        "log:api.retention",
        "log:api.compression",
        "log:api.writers",
    ]
    assert all(finding["requirements"] == ["R-fairedge-27"] for finding in found)


@pytest.mark.parametrize(
    ("spec", "changes", "check", "status"),
    [
        ({}, {"failures": ["no space"]}, "log:api", "critical"),
        ({}, {"refusals": ["insecure"]}, "log:api", "unknown"),
        ({}, {"unmatched": [LOG], "present": []}, "log:api", "unknown"),
        ({}, {"skipped": {LOG: "is symbolic link"}, "present": []}, "log:api", "unknown"),
        ({}, {"unusable": ['/x/a".log']}, "log:api", "unknown"),
        ({}, {"unclear": [LOG]}, "log:api", "unknown"),
        ({}, {"shared": {LOG: "other"}}, "log:api", "warning"),
        ({"max_size": "99"}, {}, "log:api.size", "warning"),
        ({"max_size": "100"}, {}, "log:api.size", "ok"),
        ({}, {"last_rotations": {LOG: NOW - 3.1 * DAY}}, "log:api.age", "warning"),
        ({"cadence": "weekly"}, {"last_rotations": {LOG: NOW - 8.9 * DAY}}, "log:api.age", "ok"),
        ({}, {"last_rotations": {LOG: NOW - 90 * DAY}, "sizes": {LOG: 0}}, "log:api.age", "ok"),
        ({}, {"rotated_files": [rotated(30.01)]}, "log:api.retention", "warning"),
        ({}, {"rotated_files": [rotated(30)]}, "log:api.retention", "ok"),
        ({}, {"foreign": [f"{LOG}.3.gz"]}, "log:api.retention", "warning"),
        (
            {},
            {"rotated_files": [rotated(9, compressed=False), rotated(8, compressed=False)]},
            "log:api.compression",
            "warning",
        ),
        ({}, {"rotated_files": [rotated(90, compressed=False)]}, "log:api.compression", "ok"),
        (
            {"compress_after_days": 0},
            {"rotated_files": [rotated(4, compressed=False)]},
            "log:api.compression",
            "warning",
        ),
        (
            {},
            {"writers": [LateWriter(7, "app", rotated(1), lost=False)]},
            "log:api.writers",
            "warning",
        ),
        (
            {},
            {"writers": [LateWriter(7, "app", rotated(1), lost=True)]},
            "log:api.writers",
            "critical",
        ),
    ],
)
def test_what_is_wrong_has_its_status(
    spec: dict[str, t.Any], changes: dict[str, t.Any], check: str, status: str
) -> None:
    assert statuses(seen(spec, **changes))[check] == status


def test_a_log_that_is_not_there_has_no_aspects() -> None:
    nothing = seen(unmatched=[LOG], present=[], rotated_files=[])

    assert list(statuses(nothing)) == ["log:api"]


def test_what_is_left_of_a_log_that_is_gone_has_its_retention() -> None:
    left = seen(unmatched=[LOG], present=[])

    assert list(statuses(left)) == ["log:api", "log:api.retention", "log:api.compression"]


def test_an_error_belongs_to_the_log_that_it_names() -> None:
    [log] = parse_logs(entry(paths=["/var/log/x/*.log"]))
    output = LogrotateOutput(
        errors=[
            ("/var/log/x/a.log", "failed"),
            ("", "error running shared postrotate script for '/var/log/x/*.log '"),
            ("", "something about /var/log/y/a.log"),
        ]
    )

    assert len(errors_on(log, ["/var/log/x/a.log"], output)) == 2


def test_a_figure_with_a_limit_carries_the_numbers() -> None:
    found = {item["check"]: item for item in log_findings(seen({"max_size": "100M"}), NOW)}

    assert found["log:api.size"]["limits"] == {
        "warning": 100 << 20,
        "critical": None,
        "side": "above",
    }
    assert found["log:api.size"]["expected"] == "at most 104857600"
    assert found["log:api.retention"]["limits"]["warning"] == 30


def test_every_reason_why_files_are_not_rotated_is_named() -> None:
    log = seen(unusable=["/x/a\n.log"], skipped={"/x/b.log": "has multiple (2) hard links"})

    message = log_findings(log, NOW)[0]["message"]

    assert "'/x/a\\n.log'" in message
    assert "/x/b.log (has multiple (2) hard links)" in message

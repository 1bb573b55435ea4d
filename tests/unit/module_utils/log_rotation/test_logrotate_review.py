# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a log is judged."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.log_rotation.engine import Answer
from ansible.module_utils.upkeep.log_rotation.findings import Seen, concerning, review
from ansible.module_utils.upkeep.log_rotation.segments import Segment, Writer
from ansible.module_utils.upkeep.log_rotation.settings import parse_specs

from tests.unit.module_utils.log_rotation.logrotate_samples import entry

NOW = 1_800_000_000.0
DAY = 86400
LOG = "/var/log/fairedge/api.log"


def seen(spec: dict[str, t.Any] | None = None, **changes: t.Any) -> Seen:
    """Return a log in good order, with changes."""
    values: dict[str, t.Any] = {
        "present": [LOG],
        "sizes": {LOG: 100},
        "last_rotations": {LOG: NOW - DAY},
        "segments": [segment(1, compressed=False), segment(2)],
    }
    return Seen(parse_specs([entry(**(spec or {}))])[0], **{**values, **changes})


def segment(age_days: float, compressed: bool = True) -> Segment:
    return Segment(LOG, f"{LOG}-{age_days}", NOW - age_days * DAY, compressed)


def statuses(log: Seen) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in review(log, NOW)}


@pytest.mark.requirement("R-fairedge-27")
def test_a_log_in_good_order_is_ok_in_every_aspect() -> None:
    found = review(seen({"requirements": ["R-fairedge-27"]}), NOW)

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
        ({}, {"skipped": [LOG], "present": []}, "log:api", "unknown"),
        ({"max_size": "99"}, {}, "log:api.size", "warning"),
        ({"max_size": "100"}, {}, "log:api.size", "ok"),
        ({}, {"last_rotations": {LOG: NOW - 3.1 * DAY}}, "log:api.age", "warning"),
        ({"cadence": "weekly"}, {"last_rotations": {LOG: NOW - 8.9 * DAY}}, "log:api.age", "ok"),
        ({}, {"last_rotations": {LOG: NOW - 90 * DAY}, "sizes": {LOG: 0}}, "log:api.age", "ok"),
        ({}, {"segments": [segment(30.01)]}, "log:api.retention", "warning"),
        ({}, {"segments": [segment(30)]}, "log:api.retention", "ok"),
        (
            {},
            {"segments": [segment(9, compressed=False), segment(8, compressed=False)]},
            "log:api.compression",
            "warning",
        ),
        ({}, {"segments": [segment(90, compressed=False)]}, "log:api.compression", "ok"),
        (
            {"compress_after_days": 0},
            {"segments": [segment(4, compressed=False)]},
            "log:api.compression",
            "warning",
        ),
        ({}, {"writers": [Writer(7, "app", segment(1), lost=False)]}, "log:api.writers", "warning"),
        ({}, {"writers": [Writer(7, "app", segment(1), lost=True)]}, "log:api.writers", "critical"),
    ],
)
def test_what_is_wrong_is_said(
    spec: dict[str, t.Any], changes: dict[str, t.Any], check: str, status: str
) -> None:
    assert statuses(seen(spec, **changes))[check] == status


def test_a_log_that_is_not_there_has_no_aspects() -> None:
    assert list(statuses(seen(unmatched=[LOG], present=[]))) == ["log:api"]


def test_an_error_belongs_to_the_log_that_it_names() -> None:
    spec = parse_specs([entry(paths=["/var/log/x/*.log"])])[0]
    answer = Answer(
        errors=[
            ("/var/log/x/a.log", "failed"),
            ("", "error running shared postrotate script for '/var/log/x/*.log '"),
            ("", "something about /var/log/y/a.log"),
        ]
    )

    assert len(concerning(spec, ["/var/log/x/a.log"], answer)) == 2

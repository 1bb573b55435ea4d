# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks for tests, made as a profile's are."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.scheduler import run_all
from ansible.module_utils.upkeep.health_check.settings import parse_checks


def parse(raw: dict[str, t.Any]) -> Check:
    """Return one check."""
    [check] = parse_checks([raw])

    return check


def observed(check: Check) -> dict[str, Finding]:
    """Return the findings of one attempt in this process by name."""
    return {found["check"]: found for found in observe(check) if "check" in found}


def judged(raw: list[dict[str, t.Any]], **options: t.Any) -> dict[str, Finding]:
    """Return the findings of checks that are carried out as on a host, by name."""
    checks = parse_checks(raw)
    findings = run_all(checks, **options).findings

    return {found["check"]: found for check in checks for found in findings[check.id]}

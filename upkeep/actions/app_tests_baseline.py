# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New records of a performance baseline, made of what hosts measured.

A host's answer is hostile input: it gives the value and unit of the figures that it was asked to
measure, and nothing else. Who approved them, when, and the tolerance are the controller's.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import typing as t
from collections.abc import Mapping

import yaml

Record = dict[str, t.Any]
Baseline = dict[str, dict[str, t.Any]]

_UNIT: t.Final = re.compile(r"[^\s\x00-\x1f\x7f]{0,16}")
_HEAD: t.Final = """---
# Approved figures of the performance tests of {system}. Written by
# playbooks/renew_baseline.yml; keep it in version control, so that every change of it is seen and
# has an author.
"""


class AnswerError(ValueError):
    """An answer of a host that must not be recorded; the message names host and figure."""


def merge(
    baseline: Mapping[str, Mapping[str, t.Any]],
    answers: Mapping[str, t.Any],
    asked: Mapping[str, t.Collection[str]],
    approved_by: str,
    today: dt.date,
) -> Baseline:
    """Return the baseline with new records of the figures that hosts were asked for.

    ``answers`` are records by host and figure, ``asked`` names of figures by host. Raises
    AnswerError for the first that does not fit; then nothing may be written.
    """
    merged: Baseline = {host: dict(figures) for host, figures in baseline.items()}
    for host, names in sorted(asked.items()):
        answer = answers.get(host)
        for name in sorted(names):
            old = merged.get(host, {}).get(name)
            record = _record(host, name, answer, approved_by, today)
            if isinstance(old, dict) and old.get("tolerance"):
                record["tolerance"] = old["tolerance"]
            merged.setdefault(host, {})[name] = record

    return merged


def render(system: str, baseline: Baseline) -> str:
    """Return the text of a baseline's file."""
    # Texts that come through Ansible are of types of its own, which YAML does not know.
    plain = json.loads(json.dumps(baseline, default=str))
    records: str = yaml.safe_dump(plain, indent=2, allow_unicode=True)

    return _HEAD.format(system=system) + records


def _record(host: str, name: str, answer: t.Any, approved_by: str, today: dt.date) -> Record:
    given = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(given, Mapping):
        raise AnswerError(f"host '{host}' answered no record of the figure '{name}'")

    value, unit = given.get("value"), given.get("unit", "")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise AnswerError(f"host '{host}' answered {value!r:.60} as the figure '{name}'")
    if not isinstance(unit, str) or not _UNIT.fullmatch(unit):
        raise AnswerError(f"host '{host}' answered {unit!r:.60} as unit of the figure '{name}'")

    return {
        "value": float(value),
        "unit": str(unit),
        "approved_by": approved_by,
        "date": today.isoformat(),
    }

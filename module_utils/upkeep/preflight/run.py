# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the single looks together into what one call returns."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.preflight import acceptance, basics
from ansible.module_utils.upkeep.preflight.legacy import legacy_findings, scan


class PatternError(ValueError):
    """A pattern is not a regular expression; the message names it."""


@dataclass
class Seen:
    """What one look at a host gave."""

    findings: list[Finding] = field(default_factory=list)
    changed: bool = False
    diff: list[dict[str, str]] = field(default_factory=list)


def compile_patterns(patterns: list[str]) -> list[re.Pattern[str]]:
    """Return the compiled patterns.

    Raises PatternError for one that is empty (it would match all) or not valid.
    """
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except re.error as error:
            raise PatternError(
                f"legacy pattern {pattern!r} is not a regular expression: {error}"
            ) from error
        if compiled[-1].search("") is not None:
            raise PatternError(
                f"legacy pattern {pattern!r} matches everything; name a script or a path"
            )

    return compiled


def inspect_host(options: dict[str, t.Any], systemctl: str | None, check_mode: bool) -> Seen:
    """Return the findings for the module's options.

    Raises PatternError, or OSError for an unwritten acceptance.
    """
    patterns = compile_patterns(options["legacy_patterns"])
    seen = Seen()
    _accept(seen, options, check_mode)
    components = set(options["components"])
    seen.findings = [
        basics.rights(),
        basics.python(),
        *(
            basics.python_module(e["module"], e["package"])
            for e in _of(options["python_modules"], components)
        ),
        *(basics.disk(e["path"], e["min_free_percent"]) for e in _of(options["disk"], components)),
        *(
            basics.required_path(e["path"], e["type"], e["owner"], e["group"], e["mode"])
            for e in _of(options["required_paths"], components)
        ),
        *basics.units([e["name"] for e in _of(options["units"], components)], systemctl),
        *legacy_findings(scan(patterns)),
        acceptance.judge_acceptance(
            Path(options["marker"]), options["host"], options["require_acceptance"]
        ),
    ]

    return seen


def _of(entries: list[dict[str, t.Any]], components: set[str]) -> list[dict[str, t.Any]]:
    """Return the entries that concern a host with these components."""
    return [
        entry
        for entry in entries
        if entry.get("component") is None or entry["component"] in components
    ]


def _accept(seen: Seen, options: dict[str, t.Any], check_mode: bool) -> None:
    """Write the mark when asked to, once; a damaged mark is left to its finding."""
    marker = Path(options["marker"])
    if not options["accept_by"] or marker.exists():
        return

    seen.changed = True
    text = f"accepted by {options['accept_by']}\n"
    if not check_mode:
        text = acceptance.write(marker, options["accept_by"], options["run_id"])

    seen.diff.append(
        {"before_header": str(marker), "after_header": str(marker), "before": "", "after": text}
    )

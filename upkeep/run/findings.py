# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way of findings into a run: completed, bounded and cleaned.

What a module answers comes from a host, and the host may be hostile. Here, on the controller, its
findings get the name of the host that answered, and become safe to print, to store and to show.
"""

from __future__ import annotations

import collections
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import (
    LINES,
    Finding,
    FindingError,
    complete,
    finding,
)

from upkeep.run import clean

#: Most findings of one job on one host. The bundled profiles have at most about a hundred.
MOST: t.Final = 2_000
#: Longest message and name of a check, in characters.
LONGEST_MESSAGE: t.Final = 2_000
LONGEST_CHECK: t.Final = 200
MOST_REQUIREMENTS: t.Final = 50


def record(partials: t.Iterable[t.Any], *, system: str, host: str, area: str) -> list[Finding]:
    """Return the findings of one job on one host as they go into the log.

    Raises AnsibleActionFail that names what does not fit.
    """
    given = list(partials)
    bounded = [_bounded(partial) for partial in given[:MOST]]
    if len(given) > MOST:
        bounded.append(_left_out(len(given) - MOST))

    return complete_all(bounded, system=system, host=host, area=area)


def complete_all(
    partials: t.Iterable[t.Any], *, system: str, host: str, area: str
) -> list[Finding]:
    """Return the completed findings of one job.

    Raises AnsibleActionFail that names what is wrong.
    """
    if not system:
        raise AnsibleActionFail(
            f"host '{host}' belongs to no system: system_name is not set. "
            "Put the host into a system's group or pass 'system'"
        )

    try:
        findings = [complete(partial, system=system, host=host, area=area) for partial in partials]
    except FindingError as error:
        raise AnsibleActionFail(clean.clean(f"area '{area}': {error}")) from error

    names = collections.Counter(finding["check"] for finding in findings)
    doubles = sorted(name for name, count in names.items() if count > 1)
    if doubles:
        raise AnsibleActionFail(
            f"area '{area}': two findings with one name would hide each other: {doubles[:20]}"
        )

    return findings


def _bounded(partial: t.Any) -> t.Any:
    """Return a partial finding with short and clean texts; the schema judges all else."""
    if not isinstance(partial, t.Mapping):
        return partial

    bounded = dict(partial)
    for name, limit in (("check", LONGEST_CHECK), ("unit", LONGEST_CHECK)):
        if isinstance(bounded.get(name), str):
            bounded[name] = " ".join(clean.clean(bounded[name], limit).split())

    if isinstance(bounded.get("message"), str):
        bounded["message"] = clean.clean(bounded["message"], LONGEST_MESSAGE)

    for name in ("observed", "expected"):
        bounded[name] = clean.scalar(bounded.get(name))

    if isinstance(bounded.get("limits"), t.Mapping):
        bounded["limits"] = _limits(bounded["limits"])
    if isinstance(bounded.get(LINES), (list, tuple)):
        bounded[LINES] = clean.lines_of(bounded[LINES])
    if isinstance(bounded.get("requirements"), (list, tuple)):
        bounded["requirements"] = list(bounded["requirements"])[:MOST_REQUIREMENTS]

    return bounded


def _limits(limits: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return only what limits are made of: two numbers, and on which side of them it gets bad."""
    numbers = {
        name: limits.get(name) if _is_number(limits.get(name)) else None
        for name in ("warning", "critical")
    }

    return {**numbers, "side": "below" if limits.get("side") == "below" else "above"}


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _left_out(count: int) -> Finding:
    return finding(
        "findings:left_out",
        "unknown",
        f"{count} findings of this job were left out: a job may record at most {MOST}.",
        observed=MOST + count,
        expected=f"at most {MOST}",
    )

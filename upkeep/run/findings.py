# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller's view of the finding schema, with errors that Ansible shows as they are."""

from __future__ import annotations

import collections
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import Finding, FindingError, complete


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
        raise AnsibleActionFail(f"area '{area}': {error}") from error

    names = collections.Counter(finding["check"] for finding in findings)
    doubles = sorted(name for name, count in names.items() if count > 1)
    if doubles:
        raise AnsibleActionFail(
            f"area '{area}': two findings with one name would hide each other: {doubles}"
        )

    return findings

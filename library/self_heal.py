#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: restarts units that are down, within limits, and says whether that helped."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: self_heal
short_description: Restart units that are down, within limits
version_added: "0.2.0"
description:
  - Looks at each unit in turn. One that is not active, or whose checks fail, is restarted and watched until it has
    stayed up for a while and its checks are fine.
  - Restarts a unit at most O(units[].at_most) times in O(units[].window_minutes), counted on the host over all runs.
    When that count is damaged or cannot be written, nothing is restarted.
  - Never starts a unit that is masked, and none while something that it needs is down.
  - Reports two things about a unit that was down, that it was (C(heal:NAME.was_down), C(warning)) and whether it is up
    now (C(heal:NAME)).
options:
  units:
    description: Units that may be restarted, those that others need first.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: "Name, as in C(heal:NAME).", type: str, required: true}
      unit: {description: The systemd unit., type: str, required: true}
      component: {description: "Concerns only hosts that carry this component, see O(components).", type: str}
      at_most: {description: How often it may be restarted within the window., type: int, default: 3}
      window_minutes: {description: "Length of the window, at most a week.", type: int, default: 60}
      checks:
        description: Checks (C(kind:name)) without which the unit counts as down even when systemd calls it active.
        type: list
        elements: str
        default: []
      needs:
        description:
          - Checks (C(kind:name)) of what the unit stands on. While one fails, the unit is left alone.
          - Those that concern this host are made anew; for others O(failed_elsewhere) counts.
        type: list
        elements: str
        default: []
      settle_seconds: {description: How long it may take to come up., type: float, default: 30.0}
      stable_seconds: {description: How long it has to stay up., type: float, default: 5.0}
      requirements: {description: Ids of the requirements; handed through to the findings., type: list, elements: str,
                     default: []}
  checks:
    description: The checks of the profile as M(health_probe) knows them; only those that units name are made.
    type: list
    elements: dict
    default: []
  components:
    description: Components that this host carries. Without this option all units and checks concern it.
    type: list
    elements: str
  failed_elsewhere:
    description: What this run found wrong on other hosts of the system, by check; filled in by the action plugin.
    type: dict
    default: {}
  forbidden:
    description: Why nothing may be restarted now. Units that are down are only reported then.
    type: str
    default: ""
  require_acceptance:
    description: Restart nothing on a host that nobody has accepted yet (C(playbooks/onboard_hosts.yml)).
    type: bool
    default: false
  accepted_file:
    description: File by which a person accepted the host, as M(preflight) writes it.
    type: path
    default: /var/lib/upkeep/accepted.json
  state_file:
    description: Where restarts are counted.
    type: path
    default: /var/lib/upkeep/self_heal.json
  timeout:
    description: Limit for the checks of one unit, in seconds.
    type: float
    default: 30.0
author:
  - Upkeep contributors
"""

EXAMPLES = r"""
- name: Bring the service back when it is down and its database is not
  self_heal:
    units:
      - name: api
        unit: shop-api.service
        checks: [http:api]
        needs: [postgresql:shop]
        at_most: 3
        window_minutes: 60
    checks:
      - {name: api, kind: http, url: "http://127.0.0.1:8000/health"}
      - {name: shop, kind: postgresql, database: shop, run_as: postgres}
"""

RETURN = r"""
findings:
  description: How each unit stands, and which were down; partial findings for M(record_findings).
  returned: success
  type: list
  elements: dict
  sample:
    - {check: heal:api, status: ok, observed: active (running), expected: active, message: ..., requirements: []}
restarted:
  description: Names of the units that were restarted, in check mode of those that would be.
  returned: success
  type: list
  elements: str
  sample: [api]
"""

import typing as t
from collections.abc import Mapping
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.acceptance import is_accepted
from ansible.module_utils.upkeep.base.text import duplicates
from ansible.module_utils.upkeep.findings import finding
from ansible.module_utils.upkeep.health_check.check import CheckError
from ansible.module_utils.upkeep.health_check.settings import secrets_of
from ansible.module_utils.upkeep.self_heal.decision import Unit
from ansible.module_utils.upkeep.self_heal.history import LONGEST
from ansible.module_utils.upkeep.self_heal.rechecking import Asker
from ansible.module_utils.upkeep.self_heal.run import Healer

NOTHING = finding("heal:units", "info", "no unit of this host may be restarted")
UNIT: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "unit": {"type": "str", "required": True},
    "component": {"type": "str"},
    "at_most": {"type": "int", "default": 3},
    "window_minutes": {"type": "int", "default": 60},
    "checks": {"type": "list", "elements": "str", "default": []},
    "needs": {"type": "list", "elements": "str", "default": []},
    "settle_seconds": {"type": "float", "default": 30.0},
    "stable_seconds": {"type": "float", "default": 5.0},
    "requirements": {"type": "list", "elements": "str", "default": []},
}


def parse(raw: Mapping[str, t.Any]) -> Unit:
    """Return a unit; raises CheckError for limits that make no sense."""
    name = raw["name"]
    if not raw["unit"].strip() or not name.strip():
        raise CheckError(f"unit {name!r}: name and unit must not be empty")
    if raw["at_most"] < 1 or not 1 <= raw["window_minutes"] * 60 <= LONGEST:
        raise CheckError(
            f"unit {name!r}: at_most is at least 1, window_minutes between 1 and {LONGEST / 60:g}"
        )
    if not 0 < raw["stable_seconds"] < raw["settle_seconds"] <= 600:
        raise CheckError(
            f"unit {name!r}: stable_seconds must be above 0 and below settle_seconds (at most 600)"
        )

    return Unit(
        name=name,
        unit=raw["unit"],
        at_most=raw["at_most"],
        window=raw["window_minutes"] * 60.0,
        checks=tuple(raw["checks"]),
        needs=tuple(raw["needs"]),
        settle=raw["settle_seconds"],
        stable=raw["stable_seconds"],
        requirements=tuple(raw["requirements"]),
    )


def chosen(raw_units: list[dict[str, t.Any]], components: list[str] | None) -> list[Unit]:
    """Return the units that concern this host; all are validated, and no two may share a name.

    Raises CheckError.
    """
    if again := duplicates(raw["name"] for raw in raw_units):
        raise CheckError(f"unit {again[0]!r}: there are two of that name")

    parsed = [(raw["component"], parse(raw)) for raw in raw_units]

    return [
        unit for where, unit in parsed if components is None or where is None or where in components
    ]


def forbidden(params: Mapping[str, t.Any]) -> str:
    """Return why nothing may be restarted; empty when it may."""
    if params["require_acceptance"] and not is_accepted(Path(params["accepted_file"])):
        return "nobody has accepted this host yet"
    return str(params["forbidden"])


def main() -> None:
    """Read the arguments, heal, return the findings."""
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "dict", "required": True, "options": UNIT},
            # as in health_probe: not in the system log, and only the secrets blotted out of the
            # answer
            "checks": {"type": "list", "elements": "dict", "default": [], "no_log": True},
            "components": {"type": "list", "elements": "str"},
            "failed_elsewhere": {"type": "dict", "default": {}},
            "forbidden": {"type": "str", "default": ""},
            "require_acceptance": {"type": "bool", "default": False},
            "accepted_file": {"type": "path", "default": "/var/lib/upkeep/accepted.json"},
            "state_file": {"type": "path", "default": "/var/lib/upkeep/self_heal.json"},
            "timeout": {"type": "float", "default": 30.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    raw_checks = params.pop("checks")
    module.no_log_values = secrets_of(raw_checks)

    try:
        units = chosen(params["units"], params["components"])
        asker = Asker(
            raw_checks, params["components"], params["failed_elsewhere"], params["timeout"]
        )
        asker.validate(units)
    except CheckError as error:
        module.fail_json(msg=str(error))

    healer = Healer(asker.failing, Path(params["state_file"]), module.check_mode, forbidden(params))
    healing = healer.heal(units)
    before, after = (
        "".join(f"{n}: down\n" for n in healing.restarted),
        "".join(f"{n}: up\n" for n in healing.restarted),
    )
    module.exit_json(
        changed=bool(healing.restarted),
        diff={"before": before, "after": after},
        findings=healing.findings or [NOTHING],
        restarted=healing.restarted,
    )


if __name__ == "__main__":
    main()

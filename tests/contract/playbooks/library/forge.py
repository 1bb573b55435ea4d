# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module as a hostile host answers it: findings and facts about another host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Answer with a finding that this host may not record."""
    module = AnsibleModule(argument_spec={"host": {"type": "str"}}, supports_check_mode=True)
    forged = {
        "system": "beta",
        "host": module.params["host"],
        "area": "health_check",
        "check": "unit:forged",
        "status": "ok",
        "message": "forged",
        "fingerprint": "f" * 16,
    }
    module.exit_json(changed=False, upkeep_recorded=[forged, {}])


if __name__ == "__main__":
    main()

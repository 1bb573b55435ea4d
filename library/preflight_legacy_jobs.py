# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take old, hand-made cron and logrotate jobs out of service; see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_legacy_jobs
short_description: Take older, hand-made cron and logrotate jobs out of service
version_added: "0.1.0"
description:
  - Finds jobs by patterns in the crontabs, the cron folders and C(/etc/logrotate.d), as preflight
    reports them.
  - C(adopted) silences them where they are. A crontab line becomes a comment, a file gets a name
    that is skipped.
  - C(removed) moves them away, with a manifest that allows putting them back.
  - Files and lines that match no pattern stay as they are.
extends_documentation_fragment: [preflight_legacy_jobs]
author: Upkeep contributors (!UNKNOWN)
attributes:
  check_mode:
    description: Predicts the same steps.
    support: full
  diff_mode:
    description: Shows changed lines and new names, without passwords and tokens.
    support: full
"""

EXAMPLES = r"""
- name: Take over the jobs of the old guide
  preflight_legacy_jobs:
    patterns: ['/opt/hyperopt/scripts/']
    state: adopted
"""

RETURN = r"""
actions:
  description: What was done, by C(path), C(action) and C(to).
  type: list
  elements: dict
  returned: success
left:
  description: Places that a person must change, by C(path) and C(reason).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.isolated import IsolatedError
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.preflight.options import LEGACY_OPTIONS as OPTIONS
from ansible.module_utils.upkeep.preflight.run import take_over
from ansible.module_utils.upkeep.preflight.settings import PreflightError, parse_legacy


def main() -> None:
    """Read the options, take the jobs out of service, return what was done."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse_legacy(module.params)
    except PreflightError as error:
        module.fail_json(msg=str(error))

    result = bounded(
        module,
        lambda: vars(take_over(settings, module.check_mode)),
        settings.max_seconds,
        (OSError, IsolatedError),
    )
    module.exit_json(**result)


if __name__ == "__main__":
    main()

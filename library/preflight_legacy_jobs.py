# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take old, hand-made cron and logrotate jobs out of service; see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_legacy_jobs
short_description: Take older, hand-made cron and logrotate jobs out of service
version_added: "0.1.0"
description:
  - Finds jobs by patterns in the crontabs, the cron folders and C(/etc/logrotate.d), as preflight reports them.
  - C(adopted) silences them where they are. A crontab line becomes a comment, a file gets a name that is skipped.
  - C(removed) moves them away, with a manifest that allows putting them back.
  - Files and lines that match no pattern stay as they are.
options:
  patterns:
    description: Regular expressions (Python) of commands and paths by which old jobs are known.
    type: list
    elements: str
    required: true
  state:
    description: What becomes of them.
    type: str
    choices: [adopted, removed]
    required: true
  archive:
    description: Folder for what is removed; each run makes a folder of its own in it.
    type: path
    default: /var/lib/upkeep/legacy
author: Upkeep contributors
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

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.preflight.legacy import scan
from ansible.module_utils.upkeep.preflight.run import PatternError, compile_patterns
from ansible.module_utils.upkeep.preflight.takeover import take


def main() -> None:
    """Find the jobs, take them out of service, say what was done."""
    module = AnsibleModule(
        argument_spec={
            "patterns": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["adopted", "removed"], "required": True},
            "archive": {"type": "path", "default": "/var/lib/upkeep/legacy"},
        },
        supports_check_mode=True,
    )

    try:
        hits = scan(compile_patterns(module.params["patterns"])).hits
        taken = take(
            hits, module.params["state"], Path(module.params["archive"]), module.check_mode
        )
    except (PatternError, OSError) as error:
        module.fail_json(msg=str(error))

    module.exit_json(**vars(taken))


if __name__ == "__main__":
    main()

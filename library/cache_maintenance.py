#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: keep the caches of one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cache_maintenance
short_description: Sweep, refresh, warm and empty caches without an empty answer
version_added: "0.1.0"
description:
  - Removes cached files that are older than three life times, with the rights of their folder's
    owner and below its root. The last good entry of a class is kept, whatever its age.
  - Removes keys of Redis by pattern with SCAN and UNLINK, as fast as another client does not feel,
    and never keys of brokers, locks and rate limits. Never runs KEYS, FLUSHDB or FLUSHALL.
  - Runs the scrapers and warmings that are due, one at a time, after asking the sites that they
    need.
  - Never fails on what it sees. What cannot be looked at is a finding.
extends_documentation_fragment: [cache_maintenance]
attributes:
  check_mode:
    description: Reports what a run would remove and run, and does neither.
    support: full
  diff_mode:
    description: Shows what was due.
    support: full
notes:
  - Needs no driver. Speaks to Redis 6, 7 and 8 and to Valkey.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Keep the cache of the calendar
  cache_maintenance:
    file_caches:
      - name: calendar
        folder: /opt/calendar/cache
        root: /opt/calendar
        classes:
          - {name: html, files: "*.html", hours: 24, row_pattern: "<tr>"}
    work: [sweep, look]

- name: Empty one pattern of keys
  cache_maintenance:
    redis_caches:
      - name: shop
        patterns: [{name: offers, pattern: "offers:*"}]
    empty: [shop.offers]
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, in this order.
  returned: always
  type: list
  elements: str
findings:
  description: Partial findings, C(cache:name), C(warming:name), C(scraper:name) and
    C(leftovers:name).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.base.priority import step_back
from ansible.module_utils.upkeep.cache_maintenance.options import OPTIONS
from ansible.module_utils.upkeep.cache_maintenance.run import run
from ansible.module_utils.upkeep.cache_maintenance.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    step_back()
    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()

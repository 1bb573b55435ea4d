# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules and actions do to a host, said once."""

from __future__ import annotations


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` brings.

    ``effects.looks`` is for what never changes anything, ``effects.no_diff`` for what changes only
    something of its own, nothing that belongs to the host.
    """

    LOOKS = r"""
attributes:
  check_mode:
    description: Nothing is ever changed, in check mode or not.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
"""

    NO_DIFF = r"""
attributes:
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
"""

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller side of Upkeep: run record, report, store, verdict.

Importing this package is the one bootstrap: it makes ``ansible.module_utils.upkeep`` importable on
the controller too, where Ansible itself adds the project's ``module_utils`` only to what it ships
to targets.
"""

from __future__ import annotations

from pathlib import Path

try:
    import ansible.module_utils
except ModuleNotFoundError:  # `upkeep` says what is missing; nothing else gets on without it
    _PATH: list[str] = []
else:
    _PATH = ansible.module_utils.__path__

__version__ = "0.1.0"
PROJECT = Path(__file__).resolve().parent.parent
_SHARED = str(PROJECT / "module_utils")

if _SHARED not in _PATH:
    _PATH.append(_SHARED)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask services and host how they are.

See library/health_probe.py for the documentation.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction


class ActionModule(ModuleAction):
    """Call the module and trust nothing in its answer that only the controller may say."""

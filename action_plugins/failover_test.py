# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call the module and record its findings; see library/failover_test.py."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction


class ActionModule(ModuleAction):
    """Call the module and record its findings."""

    AREA: t.ClassVar = "failover_test"

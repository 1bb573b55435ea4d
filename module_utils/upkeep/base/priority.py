# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long work goes last: what serves gets the processor and the disk first."""

from __future__ import annotations

import os
import typing as t

_NICE: t.Final = 10


def step_back() -> None:
    """Let everything else on the host go first, in CPU and in input and output, for good.

    For the process of a module, which ends with its work. Not the class ``idle`` of the scheduler,
    under which a busy host would never get to the work.
    """
    os.nice(_NICE)  # the priority of input and output follows it

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long work goes last: what serves gets the processor and the disk first."""

from __future__ import annotations

import contextlib
import os
import typing as t

_NICE: t.Final = 10
#: The lowest that there is.
_LAST: t.Final = 19


def step_back(*, last: bool = False) -> None:
    """Let everything else on the host go first, in CPU and in input and output, for good.

    ``last`` is for work that keeps processors busy for minutes, as a backup does: it comes after
    all others, never takes the processor from one that runs (SCHED_BATCH), and keeps away from one
    processor where there are several. ``bench/backup.py`` measures what a busy database notices of
    it.

    For the process of a module, which ends with its work. Not the class ``idle`` of the scheduler,
    under which a busy host would never get to the work.
    """
    os.nice(_LAST if last else _NICE)  # the priority of input and output follows it
    if last:
        with contextlib.suppress(OSError):  # where a container forbids it, the work is still due
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            _leave_a_processor()


def _leave_a_processor() -> None:
    """Keep away from the first processor, so that whoever wakes up finds one that is idle.

    The lowest priority alone is felt: a kernel may let a process run on to its next tick.
    """
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[1:] or processors)

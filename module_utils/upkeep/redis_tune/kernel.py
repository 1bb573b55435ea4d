# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of the kernel that Redis warns about when it starts."""

from __future__ import annotations

from pathlib import Path

from ..base.files import reason_of
from ..base.kernel import read_kernel

OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
BACKLOG = Path("/proc/sys/net/core/somaxconn")


def unsuitable(tcp_backlog: str) -> dict[str, str] | str:
    """Return the settings that do not suit Redis, each with advice, or why they are not known."""
    try:
        overcommit, backlog = (read_kernel(path).strip() for path in (OVERCOMMIT, BACKLOG))
    except OSError as error:
        return f"settings of the kernel cannot be read: {reason_of(error)}"

    found = {}
    if overcommit != "1":
        found["overcommit"] = (
            f"vm.overcommit_memory is {overcommit}: snapshots may lack memory; set it to 1"
        )
    if _huge_pages() == "always":
        found["huge_pages"] = (
            "transparent huge pages are on, which delays answers after a fork; set madvise or never"
        )
    if backlog.isdigit() and tcp_backlog.isdigit() and int(backlog) < int(tcp_backlog):
        found["backlog"] = f"net.core.somaxconn is {backlog}, below tcp-backlog {tcp_backlog}"

    return found


def _huge_pages() -> str:
    """Return the mode in brackets; empty where the kernel has no such file."""
    try:
        text = read_kernel(HUGE_PAGES)
    except OSError:
        return ""

    return text.partition("[")[2].partition("]")[0]

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether figures of the kernel are those of this host alone."""

from __future__ import annotations

from pathlib import Path

CONTAINER = Path("/run/systemd/container")


def is_shared() -> bool:
    """Return whether this is a container: the kernel then counts for the whole machine."""
    return CONTAINER.exists()

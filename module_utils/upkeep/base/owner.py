# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who a file belongs to."""

from __future__ import annotations

import typing as t


class Owner(t.NamedTuple):
    """User and group of a file, as numbers: they need no account."""

    uid: int
    gid: int

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of things that can be restored, each in a file of its own."""

from __future__ import annotations

import typing as t

from ...base.kinds import Kinds
from .target import Target, TargetWork

if t.TYPE_CHECKING:  # never imported here: it tells Ansible what to send to the host
    from . import files, postgresql, redis, sqlite  # noqa: F401

#: Kind of artefact -> what makes its target.
KINDS: t.Final[Kinds[t.Callable[[TargetWork], Target]]] = Kinds(
    __name__, ("files", "postgresql", "redis", "sqlite")
)

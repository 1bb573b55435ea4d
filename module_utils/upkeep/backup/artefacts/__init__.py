# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of artefacts, each in a file of its own: how one is made, and how it is verified."""

from __future__ import annotations

import typing as t

from ...base.kinds import Kinds
from .kind import ArtefactKind

if t.TYPE_CHECKING:  # never imported here: it tells Ansible what to send to the host
    from . import command, files, journal, postgresql, redis, sqlite  # noqa: F401

KINDS: t.Final[Kinds[ArtefactKind]] = Kinds(
    __name__, ("command", "files", "journal", "postgresql", "redis", "sqlite")
)

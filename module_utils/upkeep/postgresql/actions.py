# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action on one object, and what became of it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

#: planned: check mode; skipped: another session was in the way; not_started: no time left;
#: gone: the object was dropped or renamed meanwhile.
Status = t.Literal["planned", "done", "failed", "skipped", "not_started", "gone"]

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True)
class Action:
    """One thing to do.

    ``object`` is the quoted name for people, ``schema`` and ``name`` are the raw ones.
    """

    database: str
    object: str
    action: str
    reason: str
    oid: int = 0
    schema: str = ""
    name: str = ""
    bytes: int = 0
    table_oid: int = 0
    folder: str = ""

    @property
    def kind(self) -> str:
        """Return the group of actions that it is done with: tables, drop_index or reindex."""
        return "tables" if self.action.startswith(("vacuum", "analyze")) else self.action


@dataclass(frozen=True)
class Outcome:
    """What became of an action."""

    action: Action
    status: Status
    seconds: float = 0.0
    message: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        """Return the row of the module's ``actions`` list."""
        return {
            "database": self.action.database,
            "object": self.action.object,
            "action": self.action.action,
            "reason": self.action.reason,
            "seconds": round(self.seconds, 3),
            "status": self.status,
            "message": self.message,
        }


def display(*parts: str) -> str:
    """Return a possibly qualified name as SQL would write it, on one line whatever it holds."""
    return ".".join(_quoted(part) for part in parts)


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name

    # Bytes that are not text come as surrogates.
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return '"' + visible.replace('"', '""') + '"'

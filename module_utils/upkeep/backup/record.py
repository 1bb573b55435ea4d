# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of a set since it was published: it stands beside the sets, never in them."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..base import state_file
from .manifest import moment_text, read_moment

#: The folder of the records in the root of a catalogue.
FOLDER: t.Final = ".records"
_VERSION: t.Final = 1


@dataclass(frozen=True)
class SetRecord:
    """What was found out about one set.

    ``manifest_sha256`` is that of the manifest's bytes when it was published. ``read`` says when
    each file was last read to its end and found good. ``problems`` are those of the last
    verification, ``verified`` is when one last found nothing wrong with the whole set. ``held`` is
    why the set must not expire, '' when it may. ``rehearsed`` is when it was last restored and
    compared.
    """

    manifest_sha256: str
    read: Mapping[str, datetime] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    verified: datetime | None = None
    held: str = ""
    rehearsed: datetime | None = None

    @property
    def is_verified(self) -> bool:
        """Whether the set was found good as a whole and nothing was found wrong since."""
        return self.verified is not None and not self.problems

    def changed(self, **values: t.Any) -> SetRecord:
        """Return the record with other values."""
        return dataclasses.replace(self, **values)


def load(root: str, name: str) -> SetRecord | None:
    """Return the record of a set, None without one; raises state_file.StateFileError."""
    state = state_file.load(_path(root, name), _VERSION)
    if state is None:
        return None
    try:
        return SetRecord(
            manifest_sha256=state["manifest_sha256"],
            read={path: read_moment(moment) for path, moment in state["read"].items()},
            problems=tuple(state["problems"]),
            verified=_moment(state["verified"]),
            held=state["held"],
            rehearsed=_moment(state["rehearsed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise state_file.StateFileError(f"the record of {name} is damaged") from error


def save(root: str, name: str, record: SetRecord) -> None:
    """Replace the record of a set; raises state_file.StateFileError."""
    state = {
        "manifest_sha256": record.manifest_sha256,
        "read": {path: moment_text(moment) for path, moment in record.read.items()},
        "problems": list(record.problems),
        "verified": record.verified and moment_text(record.verified),
        "held": record.held,
        "rehearsed": record.rehearsed and moment_text(record.rehearsed),
    }
    state_file.save(_path(root, name), _VERSION, state)


def _path(root: str, name: str) -> str:
    return f"{root}/{FOLDER}/{name}.json"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else read_moment(text)

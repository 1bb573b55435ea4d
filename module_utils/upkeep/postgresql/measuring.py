# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measuring indexes one by one, so that one that is locked, gone or damaged costs only itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..base.deadline import Deadline
from . import catalogue
from .actions import display
from .connection import BusyError, DatabaseError, Session
from .indexes import Index, Pages


@dataclass
class Measurement:
    """What was measured, and why some indexes were not."""

    pages: list[tuple[Index, Pages]] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def measure(
    session: Session, schema: str, indexes: Sequence[Index], deadline: Deadline
) -> Measurement:
    """Return the pages of the indexes, with the extension that lies in ``schema``."""
    result = Measurement()
    with session.statement_timeout(max(deadline.left, 1)):
        for index in indexes:
            name = display(index.schema, index.name)
            if deadline.is_over() or session.lost:
                reason = "the connection was lost" if session.lost else "no time was left"
                result.failed.append(f"{name}: {reason}")
                continue

            try:
                with session.undone_on_error():
                    result.pages.append((index, catalogue.pages(session, schema, index)))
            except BusyError:
                result.locked.append(name)
            except DatabaseError as error:
                if session.lost or catalogue.exists(session, index.oid, index.schema, index.name):
                    result.failed.append(f"{name}: {error}")

    return result

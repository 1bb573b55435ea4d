# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where runs are kept: a directory (default) or any database that SQLAlchemy speaks to.

A directory holds ``runs/<run id>/`` with ``events.jsonl``, ``record.json``, ``report.txt`` and
``report.html``, and the link ``runs/latest``. A database holds one row a run. Nothing is ever
removed but by an explicit ``prune``.
"""

from __future__ import annotations

from pathlib import Path

from upkeep.store.base import Store, StoreError
from upkeep.store.directory import DirectoryStore

__all__ = ["DirectoryStore", "Store", "StoreError", "open_store"]


def open_store(target: str, *, create: bool = True) -> Store:
    """Return the store of a directory or of a SQLAlchemy address; raises StoreError.

    Without ``create`` a database that holds no runs yet is an error, and nothing is made there.
    """
    if "://" not in target:
        return DirectoryStore(Path(target).expanduser())

    try:
        from upkeep.store.sql import SqlStore  # only here: SQLAlchemy is optional
    except ModuleNotFoundError as error:
        raise StoreError(
            "a database store needs the package SQLAlchemy: pip install SQLAlchemy"
        ) from error

    return SqlStore(target, create=create)

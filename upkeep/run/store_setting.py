# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a run that stand in variables, as its callback reads them before the first task."""

from __future__ import annotations

import os
import tempfile
import typing as t
from pathlib import Path

from ansible.template import Templar

from upkeep.run.archive import local_folder

STORE: t.Final = "upkeep_store"


class SettingError(Exception):
    """A setting that cannot be used; the message names it."""


def store(manager: t.Any, play: t.Any, variables: t.Mapping[str, t.Any]) -> str:
    """Return the variable upkeep_store, templated and decrypted; '' where it is not set.

    Extra variables and those of the play win over those of the inventory. Variables of the
    inventory are those of the first host of the play, since files of group_vars belong to hosts.
    ``variables`` are those of the play alone. Raises SettingError.
    """
    hosts = list(variables.get("ansible_play_hosts_all", []))
    inventory = manager._inventory
    host = inventory.get_host(hosts[0]) if hosts else None
    known = manager.get_vars(play=play, host=host) if host is not None else variables
    if STORE not in known and inventory is not None:
        known = {**known, **inventory.groups["all"].get_vars()}
    if STORE not in known:
        return ""

    try:
        value = Templar(loader=manager._loader, variables=known).template(known[STORE])
    except Exception as error:
        raise SettingError(f"{STORE} cannot be worked out: {error}") from error

    return str(value or "")


def first_folder(target: str, project: Path) -> Path:
    """Return where a run is written first.

    For a database that is a folder of the project, or a temporary one where the project is
    read-only, as in an execution environment.
    """
    folder = local_folder(target, project)
    if "://" not in target or os.access(_existing(folder), os.W_OK):
        return folder

    return Path(tempfile.mkdtemp(prefix="upkeep-"))


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())

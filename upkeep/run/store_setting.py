# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a run that stand in variables, as its callback reads them before the first task."""

from __future__ import annotations

import typing as t

from ansible.template import Templar

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

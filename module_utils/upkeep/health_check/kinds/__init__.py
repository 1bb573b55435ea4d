# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All kinds of checks by name. A new kind is a file of its own and a line here.

A kind's file is read when somebody asks for the kind: Python compiles each file anew in every run
on a host, which for all of them takes longer than most checks.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterator, Mapping

from ..check import Kind

if t.TYPE_CHECKING:  # never read here: it tells Ansible what to send to the host
    from . import (  # noqa: F401
        celery,
        cpu,
        disk_io,
        dns,
        file,
        filesystem,
        http,
        listener,
        load,
        log_line,
        memory,
        metrics,
        network,
        postgresql,
        process,
        redis,
        replication,
        tcp,
        top,
        unit,
        unit_memory,
        unix_socket,
    )

_NAMES: t.Final = (
    "celery",
    "cpu",
    "disk_io",
    "dns",
    "file",
    "filesystem",
    "http",
    "listener",
    "load",
    "log_line",
    "memory",
    "metrics",
    "network",
    "postgresql",
    "process",
    "redis",
    "replication",
    "tcp",
    "top",
    "unit",
    "unit_memory",
    "unix_socket",
)
#: The options that any kind calls secret, known without reading them all.
SECRETS: t.Final = ("broker", "password")


class _Kinds(Mapping[str, Kind]):
    """The kinds by name, each read when it is asked for."""

    def __getitem__(self, name: str) -> Kind:
        if name not in _NAMES:
            raise KeyError(name)
        return t.cast(Kind, importlib.import_module(f".{name}", __name__).KIND)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


KINDS: t.Final[Mapping[str, Kind]] = _Kinds()

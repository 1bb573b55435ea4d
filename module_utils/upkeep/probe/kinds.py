# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of checks, by the name a profile uses for them."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from . import (
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
    network,
    postgresql,
    process,
    redis,
    tcp,
    top,
    unit,
    unit_memory,
    unix_socket,
)
from .model import Kind

KINDS: t.Final[Mapping[str, Kind]] = {
    "celery": celery.KIND,
    "cpu": cpu.KIND,
    "disk_io": disk_io.KIND,
    "dns": dns.KIND,
    "file": file.KIND,
    "filesystem": filesystem.KIND,
    "http": http.KIND,
    "listener": listener.KIND,
    "load": load.KIND,
    "log_line": log_line.KIND,
    "memory": memory.KIND,
    "network": network.KIND,
    "postgresql": postgresql.KIND,
    "process": process.KIND,
    "redis": redis.KIND,
    "tcp": tcp.KIND,
    "top": top.KIND,
    "unit": unit.KIND,
    "unit_memory": unit_memory.KIND,
    "unix_socket": unix_socket.KIND,
}

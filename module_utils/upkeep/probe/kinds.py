# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of checks, by the name a profile uses for them."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from . import celery, filesystem, http, load, memory, postgresql, redis, tcp, unit
from .model import Kind

KINDS: t.Final[Mapping[str, Kind]] = {
    "celery": celery.KIND,
    "filesystem": filesystem.KIND,
    "http": http.KIND,
    "load": load.KIND,
    "memory": memory.KIND,
    "postgresql": postgresql.KIND,
    "redis": redis.KIND,
    "tcp": tcp.KIND,
    "unit": unit.KIND,
}

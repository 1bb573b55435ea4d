# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument spec of the module: closed, so that an unknown key is an error that names it."""

from __future__ import annotations

import typing as t

_Spec = dict[str, t.Any]


def _number(default: float | None = None, kind: str = "float") -> _Spec:
    return {"type": kind} if default is None else {"type": kind, "default": default}


def _aspect(**options: _Spec) -> _Spec:
    requirements: _Spec = {"type": "list", "elements": "str", "default": []}
    return {"type": "dict", "options": {**options, "requirements": requirements}}


_DATABASE: t.Final[_Spec] = {
    "name": {"type": "str", "required": True},
    "analyze": _aspect(due_after_days=_number(7), min_changed_percent=_number(0)),
    "vacuum": _aspect(
        due_after_days=_number(7),
        dead_tuple_percent=_number(20),
        dead_tuples_min=_number(1000, "int"),
        freeze_age=_number(kind="int"),
    ),
    "reindex": _aspect(
        indexes={"type": "list", "elements": "str", "default": []},
        bloat_percent=_number(30),
        min_size_mb=_number(1),
        create_extension={"type": "bool", "default": True},
    ),
    "sizes": _aspect(),
    "connections": _aspect(warning_percent=_number(), critical_percent=_number()),
    "long_running": _aspect(warning_seconds=_number(300)),
    "statements": _aspect(
        show=_number(10, "int"), least_calls=_number(3, "int"), warning_ms=_number()
    ),
    "index_use": _aspect(
        least_days=_number(7), least_rows=_number(10000, "int"), warning_mb=_number()
    ),
}

ARGUMENTS: t.Final[_Spec] = {
    "databases": {"type": "list", "elements": "dict", "required": True, "options": _DATABASE},
    "login_user": {"type": "str", "default": "postgres"},
    "login_host": {"type": "str", "default": ""},
    "login_port": {"type": "int", "default": 5432},
    "login_password": {"type": "str", "no_log": True},
    "lock_timeout": {"type": "str", "default": "2s"},
    "max_seconds": {"type": "int", "default": 3600},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}

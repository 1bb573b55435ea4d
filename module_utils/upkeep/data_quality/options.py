# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument spec of data_quality: closed, so that an unknown key is an error that names it."""

from __future__ import annotations

import typing as t

_Spec = dict[str, t.Any]

KINDS: t.Final = ("series", "table", "scrapers", "figure", "integrity", "cache")
TYPES: t.Final = ("text", "number", "whole", "flag", "date", "time", "list", "mapping")

_TEXT: t.Final[_Spec] = {"type": "str"}
_NEEDED: t.Final[_Spec] = {"type": "str", "required": True}
_NAMES: t.Final[_Spec] = {"type": "list", "elements": "str"}
_NUMBER: t.Final[_Spec] = {"type": "float"}

_CHECK: t.Final[_Spec] = {
    "name": _NEEDED,
    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
    "component": _TEXT,
    "cadences": _NAMES,
    "requirements": {**_NAMES, "default": []},
    "aspects": {"type": "dict"},
    "timeout": {"type": "float", "default": 30},
    # where the data are
    "database": _TEXT,
    "sqlite": _TEXT,
    "folder": _TEXT,
    "schema": {"type": "str", "default": "public"},
    "table": _TEXT,
    "where": {"type": "dict"},
    "time": _TEXT,
    # series, scrapers
    "key": _TEXT,
    "keys": _NAMES,
    "keys_from": {
        "type": "dict",
        "options": {
            "schema": {"type": "str", "default": "public"},
            "table": _NEEDED,
            "column": _NEEDED,
            "where": {"type": "dict"},
        },
    },
    "price": _TEXT,
    "volume": _TEXT,
    "interval_seconds": _NUMBER,
    "window_hours": {"type": "float", "default": 24},
    "deviations": {"type": "float", "default": 8},
    "least_price_percent": {"type": "float", "default": 5},
    "least_volume_factor": {"type": "float", "default": 10},
    "status": _TEXT,
    "good": _TEXT,
    "rows": _TEXT,
    # figure
    "query": _TEXT,
    "unit": {"type": "str", "default": ""},
    "labelled": {"type": "bool", "default": False},
    "baseline": {"type": "bool", "default": False},
    "worse": {"type": "str", "choices": ["above", "below"], "default": "above"},
    # integrity
    "references": {
        "type": "list",
        "elements": "dict",
        "options": {
            "schema": {"type": "str", "default": "public"},
            "table": _NEEDED,
            "column": _NEEDED,
            "parent_schema": {"type": "str", "default": "public"},
            "parent": _NEEDED,
            "parent_column": {"type": "str", "default": "id"},
        },
    },
    "amcheck": {"type": "bool", "default": False},
    # cache
    "pages": _TEXT,
    "entries": _TEXT,
    "row_pattern": _TEXT,
    "structure_pattern": _TEXT,
    "items": _TEXT,
    "fields": {"type": "dict"},
    "life": {
        "type": "list",
        "elements": "dict",
        "options": {"files": _NEEDED, "hours": {"type": "float", "required": True}},
    },
}

ARGUMENTS: t.Final[_Spec] = {
    "checks": {"type": "list", "elements": "dict", "required": True, "options": _CHECK},
    "cadence": {"type": "str", "default": ""},
    "login_user": {"type": "str", "default": "postgres"},
    "login_host": {"type": "str", "default": ""},
    "login_port": {"type": "int", "default": 5432},
    "login_password": {"type": "str", "no_log": True},
    "run_as": {"type": "str", "default": "postgres"},
    "max_seconds": {"type": "float", "default": 300},
}

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument spec of log_review: closed, so that an unknown key is an error that names it."""

from __future__ import annotations

import typing as t

_Spec = dict[str, t.Any]

_TEXT: t.Final[_Spec] = {"type": "str", "default": ""}
_NAMES: t.Final[_Spec] = {"type": "list", "elements": "str", "default": []}
_NUMBER: t.Final[_Spec] = {"type": "float"}
_CADENCES: t.Final[_Spec] = {"type": "list", "elements": "str"}

MEASURES: t.Final = ["count", "share", "duration", "ranking", "newest"]

_REVIEW: t.Final[_Spec] = {
    "name": {"type": "str", "required": True},
    "measure": {"type": "str", "choices": MEASURES, "default": "count"},
    "window": {"type": "str", "default": "24h"},
    "pattern": _TEXT,
    "ignore_case": {"type": "bool", "default": False},
    "exclude": _TEXT,
    "levels": {"type": "list", "elements": "str", "default": []},
    "secrets": {"type": "bool", "default": False},
    "of": _TEXT,
    "worst_of": _TEXT,
    "number": _TEXT,
    "more_than": _NUMBER,
    "by": _TEXT,
    "expected": _TEXT,
    "figure": {"type": "str", "choices": ["average", "p95"], "default": "average"},
    "unit": _TEXT,
    "warning": _NUMBER,
    "critical": _NUMBER,
    "at_least": _NUMBER,
    "trend_percent": _NUMBER,
    "least_events": {"type": "int", "default": 1},
    "show": {"type": "int", "default": 5},
    "cadences": _CADENCES,
    "requirements": _NAMES,
}

_SOURCE: t.Final[_Spec] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["file", "journal", "container"], "default": "file"},
    "paths": _NAMES,
    "units": _NAMES,
    "identifiers": _NAMES,
    "containers": _NAMES,
    "format": {"type": "str", "choices": ["text", "json"], "default": "text"},
    "time_zone": {"type": "str", "default": "local"},
    "timestamp_key": {"type": "str", "default": "timestamp"},
    "level_key": {"type": "str", "default": "level"},
    "message_key": {"type": "str", "default": "message"},
    "fields": _NAMES,
    "silent_after": _TEXT,
    "unit": _TEXT,
    "component": _TEXT,
    "optional": {"type": "bool", "default": False},
    "reviews": {"type": "list", "elements": "dict", "default": [], "options": _REVIEW},
    "cadences": _CADENCES,
    "requirements": _NAMES,
}

ARGUMENTS: t.Final[_Spec] = {
    "sources": {"type": "list", "elements": "dict", "required": True, "options": _SOURCE},
    "components": {"type": "list", "elements": "str"},
    "cadence": {"type": "str", "default": ""},
    "time_zone": {"type": "str", "default": "UTC"},
    "state": {"type": "path", "default": "/var/lib/upkeep/log_review.json"},
    "container_roots": {
        "type": "list",
        "elements": "path",
        "default": ["/var/lib/docker/containers", "/var/lib/containers/storage/overlay-containers"],
    },
    "timeout": {"type": "float", "default": 120},
    "follow_seconds": {"type": "float", "default": 0},
    "follow_events": {"type": "int", "default": 0},
}

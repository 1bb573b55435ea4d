# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument spec of app_tests: closed, so that an unknown key is an error that names it."""

from __future__ import annotations

import typing as t

_Spec = dict[str, t.Any]

_TEXT: t.Final[_Spec] = {"type": "str", "required": True}
_NAMES: t.Final[_Spec] = {"type": "list", "elements": "str", "default": []}

_FIGURE: t.Final[_Spec] = {
    "name": _TEXT,
    "worse": {"type": "str", "choices": ["above", "below"], "default": "above"},
    "warning_percent": {"type": "float", "required": True},
    "critical_percent": {"type": "float"},
    "requirements": _NAMES,
}

SUITE: t.Final[_Spec] = {
    "name": _TEXT,
    "paths": {"type": "list", "elements": "str", "required": True},
    "marker": {"type": "str", "default": ""},
    "database": {"type": "bool", "default": False},
    "environment": {"type": "dict", "default": {}},
    "seconds": {"type": "int", "default": 300},
    "coverage": {
        "type": "dict",
        "options": {
            "source": {"type": "list", "elements": "str", "required": True},
            "minimum": {"type": "float", "required": True},
            "requirements": _NAMES,
        },
    },
    "figures": {"type": "list", "elements": "dict", "default": [], "options": _FIGURE},
    "requirements": _NAMES,
}

ARGUMENTS: t.Final[_Spec] = {
    "suites": {"type": "list", "elements": "dict", "required": True, "options": SUITE},
    "user": _TEXT,
    "folder": {"type": "path", "required": True},
    "interpreter": {"type": "path", "default": "/usr/bin/python3"},
    "python_path": {"type": "list", "elements": "path", "default": []},
    "chdir": {"type": "path"},
    "environment_file": {"type": "path"},
    "database": {
        "type": "dict",
        "options": {"name": _TEXT, "host": {"type": "str", "default": ""}},
    },
    "production_units": _NAMES,
    "production_databases": _NAMES,
    "seconds": {"type": "int", "default": 1800},
    "memory_mb": {"type": "int", "default": 4096},
    "space_mb": {"type": "int", "default": 256},
    "baseline": {"type": "dict", "default": {}},
    "baseline_problem": {"type": "str", "default": ""},
    "baseline_max_age_days": {"type": "int", "default": 0},
    "state": {"type": "str", "choices": ["tested", "recorded"], "default": "tested"},
    "approved_by": {"type": "str", "default": ""},
}

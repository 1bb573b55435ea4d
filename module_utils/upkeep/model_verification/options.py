# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument spec of model_verify: closed, so that an unknown key is an error that names it."""

from __future__ import annotations

import typing as t

_Spec = dict[str, t.Any]

_TEXT: t.Final[_Spec] = {"type": "str", "required": True}
_NAMES: t.Final[_Spec] = {"type": "list", "elements": "str", "default": []}
PATTERNS: t.Final = ["*.pkl", "*.joblib", "*.onnx", "*.pt", "*.h5", "*.keras", "*.safetensors"]

_MODEL: t.Final[_Spec] = {
    "name": _TEXT,
    "path": _TEXT,
    "root": {"type": "str"},
    "metadata": {
        "type": "dict",
        "options": {"path": _TEXT, "keys": {"type": "dict", "default": {}}, "requirements": _NAMES},
    },
    "limits": {
        "type": "dict",
        "options": {
            "accuracy": {"type": "float"},
            "f1": {"type": "float"},
            "r2": {"type": "float"},
            "max_age_days": {"type": "float"},
            "feature_count": {"type": "int"},
            "requirements": _NAMES,
        },
    },
    "in_use": {
        "type": "dict",
        "options": {"log": _TEXT, "pattern": _TEXT, "expected": _TEXT, "requirements": _NAMES},
    },
    "drift": {
        "type": "dict",
        "options": {
            "reference": _TEXT,
            "target": _TEXT,
            "predictor": _TEXT,
            "class_name": _TEXT,
            "user": _TEXT,
            "r2": {"type": "float", "required": True},
            "interpreter": {"type": "str", "default": "/usr/bin/python3"},
            "timeout": {"type": "int", "default": 120},
            "requirements": _NAMES,
        },
    },
    "requirements": _NAMES,
}

_FOLDER: t.Final[_Spec] = {
    "path": _TEXT,
    "patterns": {"type": "list", "elements": "str", "default": PATTERNS},
    "requirements": _NAMES,
}

ARGUMENTS: t.Final[_Spec] = {
    "models": {"type": "list", "elements": "dict", "required": True, "options": _MODEL},
    "folders": {"type": "list", "elements": "dict", "default": [], "options": _FOLDER},
    "manifest": {"type": "dict", "default": {}},
    "manifest_problem": {"type": "str", "default": ""},
    "algorithms": {
        "type": "list",
        "elements": "str",
        "choices": ["md5", "sha256"],
        "default": ["md5", "sha256"],
    },
    "state": {"type": "str", "choices": ["verified", "recorded"], "default": "verified"},
    "replace": _NAMES,
    "approved_by": {"type": "str", "default": ""},
    "workers": {"type": "int", "default": 2},
}

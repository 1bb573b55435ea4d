# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings for tests: the figures that are given, all others as the options have them."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.postgresql.settings import (
    Analyze,
    Database,
    Reindex,
    Vacuum,
    parse,
)


def database(name: str = "app", **aspects: t.Any) -> Database:
    """Return the settings of one database."""
    (made,) = parse({"databases": [{"name": name, **aspects}]}).databases

    return made


def analyze(**figures: t.Any) -> Analyze:
    """Return the settings of the aspect analyze."""
    made = database(analyze=figures).analyze

    assert made

    return made


def vacuum(**figures: t.Any) -> Vacuum:
    """Return the settings of the aspect vacuum."""
    made = database(vacuum=figures).vacuum

    assert made

    return made


def reindex(**figures: t.Any) -> Reindex:
    """Return the settings of the aspect reindex."""
    made = database(reindex=figures).reindex

    assert made

    return made

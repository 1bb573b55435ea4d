# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures over all runs."""

from __future__ import annotations

import typing as t

from upkeep.kpi.downsampling import Keep
from upkeep.kpi.figures import FigureHistoryError

if t.TYPE_CHECKING:
    from upkeep.kpi.history import FigureHistory


def open_history(address: str, keep: Keep = Keep()) -> FigureHistory:  # noqa: B008 - a tuple
    """Return the history at a SQLAlchemy address; raises FigureHistoryError.

    SQLAlchemy is optional, and loading it takes half as long as loading Ansible: most playbooks
    have no figures to keep.
    """
    try:
        from upkeep.kpi.history import FigureHistory
    except ModuleNotFoundError as error:
        raise FigureHistoryError(
            f"key figures over time need the package {error.name}: pip install SQLAlchemy"
        ) from error

    return FigureHistory(address, keep)

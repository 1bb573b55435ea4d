# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of database_reader."""

from __future__ import annotations

import typing as t

from ..base.login import login_options, run_as_option
from ..base.options import Options, option

OPTIONS: t.Final[Options] = {
    "make": option(
        "bool", "Whether to make what is missing. Without it the module only looks.", default=False
    ),
    **login_options(),
    "run_as": run_as_option("postgres"),
    "seconds": option("float", "Seconds for all databases together.", default=60, above=0),
}

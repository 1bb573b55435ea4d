# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proofs under load: with little in `make unit`, in full by `make test-load`."""

from __future__ import annotations

import os
import typing as t

#: Whether this is the full form.
FULL: t.Final = os.environ.get("UPKEEP_LOAD") == "full"

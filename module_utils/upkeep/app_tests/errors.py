# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong, by who must act."""

from __future__ import annotations

from ..base.options import OptionError


class TestsError(OptionError):
    """Arguments or a profile that do not fit; one line for each problem."""

    __test__ = False


class RefusedError(Exception):
    """Suites must not run: which database they would use, or why that is not known."""


class ReportError(Exception):
    """A report that cannot be trusted; the message says why."""

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong, by who must do something about it."""

from __future__ import annotations


class TestsError(ValueError):
    """The profile or the arguments do not fit; the message names the value."""

    __test__ = False


class RefusedError(Exception):
    """Suites must not run: where they would lead, or what cannot be told about it, in a sentence."""


class ReportError(Exception):
    """A report that nobody can trust; the message says why."""

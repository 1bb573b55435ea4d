# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one error that the command line shows as a single line."""

from __future__ import annotations


class DemoError(Exception):
    """The demo fleet cannot do what was asked; the message says what to change."""

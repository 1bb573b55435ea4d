# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether alerts of others are silenced during a change, which the controller alone knows."""

from __future__ import annotations

from .options import Options, option


def silence_option() -> Options:
    """Return the option ``silenced_until`` of a module that changes what serves."""
    return {
        "silenced_until": option(
            "str",
            "Until when alerts are silenced, as M(call_hooks) returns it; empty without that.",
            default="",
            pattern=r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
        )
    }


def about_alerts(silenced_until: str) -> str:
    """Return the sentence of a finding on alerts."""
    if silenced_until:
        return f"Alerts are silenced until {silenced_until}."

    return "Alerts were not silenced."

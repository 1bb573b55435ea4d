# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of Nextcloud."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="nextcloud",
    description="JSON records of Nextcloud, whose levels are the numbers 0 to 4.",
    timestamp="time",
    level="level",
    message="message",
    levels={"0": "debug", "1": "info", "2": "warning", "3": "error", "4": "critical"},
    only_with=("reqId",),
    examples=('{"reqId":"x1","level":3,"time":"2026-11-27T01:46:24+00:00","message":"x"}',),
)

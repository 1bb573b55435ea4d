# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log of a Redis server."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="redis",
    description="Redis' own log; its levels are the signs . - * and #.",
    lines=(r"(?P<pid>\d{1,10}):(?P<role>[A-Z]) {day_first} (?P<level>[.*#-]) (?P<message>[^\n]*)",),
    begins=r"\d{1,10}:[A-Z] {day_first} ",
    levels={".": "debug", "-": "debug", "*": "info", "#": "warning"},
    examples=("1:M 27 Nov 2026 01:41:00.123 * Ready to accept connections",),
)

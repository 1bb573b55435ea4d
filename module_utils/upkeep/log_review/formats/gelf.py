# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of Graylog (GELF)."""

from .line_format import PRIORITIES, JsonFormat

FORMAT = JsonFormat(
    name="gelf",
    description="JSON records of GELF, whose levels are the priorities 0 to 7 of syslog.",
    timestamp="timestamp",
    level="level",
    message="short_message",
    levels={str(number): level for number, level in enumerate(PRIORITIES)},
    only_with=("short_message",),
    examples=('{"version":"1.1","timestamp":1795743984.1,"level":3,"short_message":"cannot pay"}',),
)

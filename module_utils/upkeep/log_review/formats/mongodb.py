# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of a MongoDB server."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="mongodb",
    description="JSON records of MongoDB, whose levels are letters.",
    timestamp="t.$date",
    level="s",
    message="msg",
    levels={
        "d": "debug",
        **{f"d{number}": "debug" for number in range(1, 6)},
        "i": "info",
        "w": "warning",
        "e": "error",
        "f": "critical",
    },
    examples=('{"t":{"$date":"2026-11-27T01:46:24.123+00:00"},"s":"E","c":"NETWORK","msg":"x"}',),
)

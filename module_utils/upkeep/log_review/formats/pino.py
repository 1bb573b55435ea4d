# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of pino and bunyan."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="pino",
    description="JSON records of pino and bunyan, whose levels are the numbers 10 to 60.",
    timestamp="time",
    level="level",
    message="msg",
    levels={
        "10": "debug",
        "20": "debug",
        "30": "info",
        "40": "warning",
        "50": "error",
        "60": "critical",
    },
    examples=('{"level":50,"time":1795743984123,"pid":7,"hostname":"web-1","msg":"cannot pay"}',),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apache's error log."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="apache_error",
    description="Apache's error log, of version 2.2 and later.",
    lines=(
        r"\[{asctime}\] \[(?:\w{1,64}:)?{level}\](?: \[pid (?P<pid>\d{1,10})[^\]\n]{0,64}\])?"
        r"(?: \[(?:client|remote) (?P<address>[^\]\n]{1,255})\])? ?(?P<message>[^\n]*)",
    ),
    begins=r"\[{asctime}\] \[",
    levels={
        "emerg": "critical",
        "alert": "critical",
        "crit": "critical",
        "error": "error",
        "warn": "warning",
        "warning": "warning",
        "notice": "info",
        "info": "info",
        "debug": "debug",
        "trace": "debug",
    },
    examples=(
        "[Fri Nov 27 01:41:00.123456 2026] [core:error] [pid 1] [client 192.0.2.1:5100] AH1: x",
        "[Fri Nov 27 01:41:00 2026] [notice] Apache configured",
    ),
)

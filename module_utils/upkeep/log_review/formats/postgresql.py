# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log of a PostgreSQL server, with a prefix that begins with its time."""

from .line_format import TextFormat

_WORDS = r"(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC)"

FORMAT = TextFormat(
    name="postgresql",
    description="PostgreSQL's log; log_line_prefix begins with %m or %t. Lines such as DETAIL go "
    "with the one before.",
    lines=(r"{iso} ?(?P<prefix>[^\n]{0,255}?)\b" + _WORDS + r":  ?(?P<message>[^\n]*)",),
    begins=r"{iso}(?![^\n]{0,255}?\b(?:DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LOCATION):  )",
    continues=r"[ \t]|$|\d{4}-\d\d-\d\d ",
    levels={
        **{f"debug{number}": "debug" for number in ("", 1, 2, 3, 4, 5)},
        "info": "info",
        "notice": "info",
        "log": "info",
        "warning": "warning",
        "error": "error",
        "fatal": "critical",
        "panic": "critical",
    },
    examples=(
        '2026-11-27 01:46:24.123 UTC [42] ERROR:  relation "x" does not exist at character 15',
        "2026-11-27 01:46:24.123 UTC [42] app@shop LOG:  duration: 12.5 ms",
    ),
)

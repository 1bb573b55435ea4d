# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of uvicorn, which have no time: for the journal and containers, which keep it."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="uvicorn",
    description="Level and message as uvicorn prints them, without a time.",
    lines=(),
    begins=r"(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL):[ \t]+",
    bare=(
        r'{LEVEL}:[ \t]+(?P<message>(?P<address>\S{1,64}):\d{1,5} - "(?P<method>[A-Z]{1,16})'
        r' (?P<path>\S{1,4096}) HTTP/[\d.]{1,4}" (?P<status>\d{3})[^\n]*)',
        r"{LEVEL}:[ \t]+(?P<message>[^\n]*)",
    ),
    examples=('INFO:     192.0.2.1:51000 - "GET /x HTTP/1.1" 500 Internal Server Error',),
)

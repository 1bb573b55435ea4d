# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's error log."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="nginx_error",
    description="nginx's error log.",
    lines=(
        r"{iso} \[{level}\] (?P<pid>\d{1,10})#\d{1,10}: (?:\*(?P<connection>\d{1,20}) )?"
        r"(?P<message>[^\n]*?"
        r"(?:, client: (?P<address>[^\s,]{1,255}))?(?:, server: [^\n]*)?)(?=\n|$)",
    ),
    begins=r"{iso} \[\w{1,16}\] \d{1,10}#",
    examples=(
        "2026/11/27 01:46:24 [error] 42#42: *17 connect() failed, client: 192.0.2.1, server: _",
    ),
)

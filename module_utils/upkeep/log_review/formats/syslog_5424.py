# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""syslog of RFC 5424."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="syslog_5424",
    description="syslog of RFC 5424; the level is that of its priority.",
    lines=(
        r"<(?P<priority>\d{1,3})>\d{1,2} {iso} (?P<host>\S{1,255}) (?P<program>\S{1,128})"
        r" (?P<pid>\S{1,128}) (?P<id>\S{1,64}) (?P<data>-|(?:\[(?:[^\]\\\n]|\\.){0,4096}\]){1,16})"
        r"(?: (?P<message>[^\n]*))?",
    ),
    begins=r"<\d{1,3}>\d{1,2} {iso} ",
    examples=('<11>1 2026-11-27T01:46:24.003Z web-1 app 811 ID47 [x@1 a="b"] cannot pay',),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""syslog in files: RFC 3164 without a year, or with the full time that rsyslog writes now."""

from .line_format import TextFormat

_HOST = r" (?P<host>\S{1,255}) (?P<program>[^\s:\[]{1,128})(?:\[(?P<pid>[^\]\n]{0,32})\])?"
_TEXT = r"(?: [\[(<]?{LEVEL}[\])>]?(?=[\s:|,]|$)[\s:|,]{0,8}| )?(?P<message>[^\n]*)"

FORMAT = TextFormat(
    name="syslog_3164",
    description="syslog in files. Its lines have a level only where the program prints one.",
    lines=(
        r"(?:<(?P<priority>\d{1,3})>)?{no_year}" + _HOST + ":?" + _TEXT,
        r"(?:<(?P<priority>\d{1,3})>)?(?=\d{4}-\d\d-\d\dT){iso}" + _HOST + ":" + _TEXT,
    ),
    begins=r"(?:<\d{1,3}>)?(?:{no_year}|(?=\d{4}-\d\d-\d\dT){iso}) \S",
    examples=(
        "Nov 27 02:15:48 alert-01 sshd[811]: Accepted publickey for ada from 192.0.2.7 port 5 ssh2",
        "2026-11-27T02:15:48.123456+01:00 web-1 app[1]: ERROR cannot pay",
    ),
)

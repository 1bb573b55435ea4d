# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access logs of Apache whose first field is the name of the host, with a port or without."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="apache_access",
    description="Apache's vhost_combined: the host's name, then the combined form.",
    lines=(
        r"(?P<host>[\w.*-]{1,255}:\d{1,5}) (?P<address>[^\s,]{1,255}) [^\n]{0,1024}?"
        r'\[{day_first}\] (?P<message>"(?P<request>(?P<method>[A-Z]{1,32}) (?P<path>\S{1,8192})'
        r'[^"\n]{0,16}|(?:[^"\\\n]|\\.){0,8192})" (?P<status>\d{3}) (?P<bytes>\d{1,20}|-)'
        r'(?: "(?P<referer>(?:[^"\\\n]|\\.){0,8192})" "(?P<agent>(?:[^"\\\n]|\\.){0,8192})")?'
        r"[^\n]*)",
    ),
    begins=r'[\w.*-]{1,255}:\d{1,5} [^\n]{0,1024}?\[{day_first}\] "',
    examples=(
        'shop.example.org:443 192.0.2.17 - - [27/Nov/2026:01:46:24 +0000] "GET / HTTP/1.1" 200 5',
    ),
)

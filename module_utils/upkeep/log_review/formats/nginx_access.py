# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access logs of nginx, Apache and gunicorn in the common and combined forms."""

from .line_format import TextFormat

_QUOTED = r'(?:[^"\\\n]|\\.){0,8192}'
_REQUEST = (
    r'(?P<message>"(?P<request>(?P<method>[A-Z]{1,32}) (?P<path>\S{1,8192})[^"\n]{0,16}'
    rf'|{_QUOTED})" (?P<status>\d{{3}}) (?P<bytes>\d{{1,20}}|-)'
    rf'(?: "(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})")?)'
)

FORMAT = TextFormat(
    name="nginx_access",
    description="The combined form, as nginx, Apache and gunicorn write it.",
    lines=(
        r"(?P<address>[^\s,]{1,255})(?:, ?[^\s,]{1,255}){0,32} [^\n]{0,1024}?\[{day_first}\] "
        + _REQUEST
        + r"[^\n]*",
        r"(?P<address>[^\s,]{1,255}) \[{day_first}\] " + _REQUEST + r"[^\n]*",
    ),
    begins=r'[^\s\[][^\n]{0,1024}?\[{day_first}\] "',
    examples=(
        '192.0.2.17 - - [27/Nov/2026:01:46:24 +0000] "GET /api HTTP/1.1" 200 8123 "-" "curl/8.5"',
        '198.51.100.7, 192.0.2.9 - - [27/Nov/2026:01:46:24 +0000] "GET / HTTP/1.1" 500 12',
        '192.0.2.1 - jane doe [27/Nov/2026:01:46:24 +0000] "GET / HTTP/1.1" 401 12',
    ),
)

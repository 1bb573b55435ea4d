# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of gunicorn's own log."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="gunicorn",
    description="Lines of gunicorn's own log; its access log is nginx_access.",
    lines=(r"\[{iso}\] \[(?P<pid>\d{1,10})\] \[{level}\] (?P<message>[^\n]*)",),
    begins=r"\[{iso}\] \[\d{1,10}\]",
    examples=("[2026-11-27 01:46:24 +0000] [7] [INFO] Booting worker with pid: 7",),
)

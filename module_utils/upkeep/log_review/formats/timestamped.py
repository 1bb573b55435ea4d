# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines that begin with a time and say nothing else in a known way."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="timestamped",
    description="Lines that begin with a time. No level is read, so reviews of levels are unknown.",
    lines=(
        r"[\[(\"]?{iso}[\])\",]{0,2}[ \t:|,-]{0,8}(?P<message>[^\n]*)",
        r"[\[(\"]?{day_first}[\])\",]{0,2}[ \t:|,-]{0,8}(?P<message>[^\n]*)",
        r"[\[(\"]?{asctime}[\])\",]{0,2}[ \t:|,-]{0,8}(?P<message>[^\n]*)",
        r"{no_year} (?P<message>[^\n]*)",
    ),
    begins=r"[\[(\"]?(?:{iso}|{day_first}|{asctime})|{no_year} ",
    examples=("2026-11-27 01:46:24 the job began",),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines with time, level and message whose time has the day first: Tomcat, PHP-FPM."""

from .line_format import TextFormat
from .python import lines_with_level

FORMAT = TextFormat(
    name="java",
    description="As python, with the day first, as Tomcat and PHP-FPM print it.",
    lines=lines_with_level("{day_first}"),
    begins=r"[\[(\"]?{day_first}",
    examples=(
        "27-Nov-2026 01:46:24.123 SEVERE [main] org.apache.catalina.core.StandardServer.await x",
        "[27-Nov-2026 01:46:24] NOTICE: fpm is running",
    ),
)

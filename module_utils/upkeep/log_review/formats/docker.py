# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of Docker's json-file driver."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="docker",
    description="Files of Docker's json-file driver; read them by kind container where you can.",
    timestamp="time",
    level="",
    message="log",
    only_with=("log", "stream"),
    examples=('{"log":"ERROR cannot pay\\n","stream":"stderr","time":"2026-11-27T01:46:24.1Z"}',),
)

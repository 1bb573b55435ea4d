# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of zerolog, logrus and slog."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="json_time",
    description="JSON records with time, level and msg, as slog, logrus and zerolog write them.",
    timestamp="time",
    level="level",
    message="msg",
    examples=('{"time":"2026-11-27T01:46:24Z","level":"ERROR","msg":"cannot pay"}',),
)

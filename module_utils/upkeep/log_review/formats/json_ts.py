# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of zap and Caddy."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="json_ts",
    description="JSON records with ts, level and msg, as zap and Caddy write them.",
    timestamp="ts",
    level="level",
    message="msg",
    examples=('{"level":"error","ts":1795743984.123,"logger":"http","msg":"cannot pay"}',),
)

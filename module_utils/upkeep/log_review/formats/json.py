# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records with timestamp, level and message, the names of which a profile may change."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="json",
    description="JSON records; timestamp_key, level_key and message_key name their fields.",
    timestamp="timestamp",
    level="level",
    message="message",
    examples=('{"timestamp": "2026-11-27T01:46:24.123Z", "level": "ERROR", "message": "x"}',),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON records of Logstash's encoders."""

from .line_format import JsonFormat

FORMAT = JsonFormat(
    name="json_logstash",
    description="JSON records with @timestamp, level and message.",
    timestamp="@timestamp",
    level="level",
    message="message",
    examples=('{"@timestamp":"2026-11-27T01:46:24Z","level":"ERROR","message":"cannot pay"}',),
)

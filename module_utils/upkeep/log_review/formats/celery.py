# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of Celery's workers and beat."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="celery",
    description="Lines of Celery's workers and beat.",
    lines=(r"\[{iso}: {level}/(?P<process>[^\]\n]{1,128})\] (?P<message>[^\n]*)",),
    begins=r"\[{iso}: \w{1,16}/",
    examples=("[2026-11-27 01:46:24,123: INFO/MainProcess] Task app.pay[6f1c] received",),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs that container runtimes keep in files of text."""

from .line_format import TextFormat

FORMAT = TextFormat(
    name="cri",
    description="Files of Podman, CRI-O and containerd; read them by kind container where you can.",
    lines=(
        r"{iso} (?P<stream>stdout|stderr) (?P<tag>[FP]) [\[(<]?{LEVEL}[\])>]?(?=[\s:|,]|$)"
        r"[\s:|,]{0,8}(?P<message>[^\n]*)",
        r"{iso} (?P<stream>stdout|stderr) (?P<tag>[FP])(?: (?P<message>[^\n]*))?",
    ),
    begins=r"{iso} std(?:out|err) [FP]",
    examples=("2026-11-27T01:46:24.123456789Z stdout F ERROR cannot pay",),
)

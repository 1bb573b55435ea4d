# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pairs of key and value, as Go programs write them."""

from .line_format import TextFormat

_TIME = r"\b(?:time|ts|t|timestamp)=\"?"

FORMAT = TextFormat(
    name="logfmt",
    description='Pairs such as level=error msg="cannot pay", with a time among them.',
    lines=(
        rf"(?=[^\n]{{0,512}}?\b(?:level|lvl|severity)=\"?{{level}}\b)[^\n]{{0,512}}?{_TIME}{{iso}}",
        rf"(?=[^\n]{{0,512}}?\b(?:level|lvl|severity)=\"?{{level}}\b)"
        rf"[^\n]{{0,512}}?{_TIME}{{unix}}",
    ),
    begins=(
        rf"\w[\w.-]{{0,63}}=[^\n]{{0,512}}?{_TIME}(?:{{iso}}|{{unix}})"
        rf"|{_TIME}(?:{{iso}}|{{unix}})"
    ),
    bare=(
        r"[\w.-]{1,64}=[^\n]{0,512}?(?<=[\s\"])(?:level|lvl|severity)=\"?{level}\b",
        r"(?:level|lvl|severity)=\"?{level}\b",
    ),
    examples=('time="2026-11-27T01:46:24Z" level=error msg="cannot pay" order=7',),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines with time, level and message: Python's logging, loguru, structlog, log4j, Laravel."""

from .line_format import TextFormat

#: What may stand between time and level: something in brackets, a separator, or a word that is no
#: prose, such as a logger, a thread, a host or the id of a request.
_CONTEXT = (
    r"(?:\[[^\]\n]{0,255}\]:?|\([^)\n]{0,255}\):?|<[^>\n]{0,255}>:?|[-|:,]{1,3}"
    r"|(?=\S{0,255}[._:/@#$=\d-])[^\s\[(<|:,-]\S{0,255})"
)
_GAP = r"[ \t]{1,16}"
_LEVEL = r"[\[(<|]{0,2}[ \t]{0,4}(?:(?:level|lvl|severity)=\"?|[a-z]\w{0,30}\.(?=[A-Z]{4,9}:))?"
_AFTER = r"(?=[\[\]\s:|>),\"]|$)[\]\s:|>),\"-]{0,16}(?P<message>[^\n]*)"


def lines_with_level(shape: str) -> tuple[str, ...]:
    """Return the lines of programs that begin with a timestamp of some shape.

    A level in capitals goes before one in small letters, which may be the name of a logger.
    """
    stamp = rf"[\[(\"]?{shape}[\])\",]{{0,2}}(?:[ \t]?[-|:,])?[ \t]{{0,16}}"
    context = rf"(?:{_CONTEXT}{_GAP})"
    word = rf"[A-Za-z]\w{{0,63}}{_GAP}"

    return (
        rf"{stamp}[\[(<|][ \t]{{0,4}}{{level}}[ \t]{{0,16}}[\])>|]{_AFTER}",
        rf"{stamp}{context}{{0,8}}?{_LEVEL}{{LEVEL}}{_AFTER}",
        rf"{stamp}{context}{{0,6}}?{word}{context}{{0,6}}?{_LEVEL}{{LEVEL}}{_AFTER}",
        rf"{stamp}{context}{{0,8}}?{_LEVEL}{{level}}{_AFTER}",
    )


FORMAT = TextFormat(
    name="python",
    description="Time, perhaps logger, thread or process, level and message, as programs in "
    "Python, Java and PHP print them.",
    lines=lines_with_level("{iso}"),
    begins=r"[\[(\"]?{iso}",
    bare=(
        r"[\[(<]?{LEVEL}[\])>]?(?=[\s:|,]|$)[\s:|,]{0,16}(?P<message>[^\n]*)",
        r"[\[<]{level}[\]>][\s:|,]{0,16}(?P<message>[^\n]*)",
    ),
    examples=(
        "2026-11-27 01:46:24,123 - services.api - ERROR - cannot pay",
        "2026-11-27T01:46:24.123Z INFO services.api: Request processed GET / 200 OK 1.9 ms",
        "2026-11-27 01:46:24.123 | WARNING  | app.jobs:run:12 - late",
        "[2026-11-27 01:46:24] production.ERROR: cannot pay",
    ),
)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Are the sites and services there that a scraper needs?"""

from __future__ import annotations

import typing as t
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence

from ..base import isolated
from ..base.deadline import Deadline
from .settings import Source

#: Seconds for the answer of one source.
SECONDS: t.Final = 15.0
#: From here on an answer says that the service itself is in trouble.
_BROKEN: t.Final = 500


def silent(sources: Sequence[Source], deadline: Deadline) -> dict[str, str]:
    """Return why sources do not answer, by name; those that do are left out."""
    outcomes = isolated.run_each(
        [lambda source=source: _asked(source) for source in sources],  # type: ignore[misc]
        SECONDS + 5,
        deadline,
        limits=isolated.PARSING,
    )
    named = zip(sources, outcomes, strict=True)
    reasons = {
        source.name: problem or str(values[0] if values else "it did not answer")
        for source, (values, problem) in named
    }

    return {name: reason for name, reason in reasons.items() if reason}


def _asked(source: Source) -> Iterator[str]:
    """Yield why a source does not answer, '' when it does."""
    opener = urllib.request.build_opener()
    request = urllib.request.Request(  # noqa: S310 - the profile allows http and https only
        source.url, headers={"User-Agent": "upkeep"}
    )
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            answer.read(1)
        yield ""
    except urllib.error.HTTPError as error:
        yield f"it answers {error.code}" if error.code >= _BROKEN else ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        yield f"it does not answer: {reason}"

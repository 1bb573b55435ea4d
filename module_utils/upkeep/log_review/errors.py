# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong: bad input ends the module, a log that cannot be read becomes ``unknown``."""

from __future__ import annotations

import time


class LogReviewError(ValueError):
    """Input that cannot be worked with; the message names the source or review, and the value."""


class UnreadableError(Exception):
    """A log, or a part of it, that gave nothing to look at.

    The message is a clause without a full stop.
    """


class MovedError(UnreadableError):
    """A log that was rotated or truncated while it was read; reading it again may help."""


class Deadline:
    """The moment at which looking has to end, so that no log can hold up a run."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(self._end - time.monotonic(), 0.0)

    def check(self) -> None:
        """Raise UnreadableError when the time is over."""
        if not self.left:
            raise UnreadableError(f"reading took longer than {self.seconds:g} s")


def shown_path(path: object) -> str:
    """Return a path for people and for JSON, whatever bytes its name holds."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

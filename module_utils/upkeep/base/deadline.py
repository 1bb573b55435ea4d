# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One deadline for a piece of work and for all its parts."""

from __future__ import annotations

import time
import typing as t


class Deadline:
    """A moment after which nothing may wait any longer; ``seconds`` is how long it was given."""

    def __init__(self, seconds: float, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """The seconds left, at least 0."""
        return max(self._end - self._clock(), 0.0)

    def is_over(self) -> bool:
        """Return whether there is no time left."""
        return self.left <= 0

    def remaining(self) -> float:
        """Return the seconds left, always above 0; raises TimeoutError when there are none."""
        left = self.left
        if left <= 0:
            raise TimeoutError(f"it took longer than {self.seconds:g} s")

        return left

    def part(self, seconds: float) -> Deadline:
        """Return a deadline for a part of the work, which never outlasts the whole.

        Raises TimeoutError when there is no time left.
        """
        return Deadline(min(seconds, self.remaining()), self._clock)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of the racing dashboard that shows a session: a chart of lap times, as SVG."""

from __future__ import annotations

import typing as t

WIDTH: t.Final = 600
HEIGHT: t.Final = 200


def chart(seconds: t.Sequence[float]) -> str:
    """Return a line over the laps, slow laps up."""
    low, high = min(seconds), max(seconds)
    step, scale = WIDTH / max(len(seconds) - 1, 1), (high - low) or 1.0
    points = " ".join(
        f"{number * step:.1f},{HEIGHT - (value - low) / scale * HEIGHT:.1f}"
        for number, value in enumerate(seconds)
    )
    line = f'<polyline fill="none" stroke="currentColor" points="{points}"/>'

    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'

    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">{line}</svg>'

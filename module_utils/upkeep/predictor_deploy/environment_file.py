# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment file that a release would get, as systemd reads it."""

from __future__ import annotations

import typing as t

from ..base.files import read_bytes, reason_of
from .settings import App

LARGEST: t.Final = 1 << 20


def variables(text: str) -> dict[str, str]:
    """Return the variables of an environment file, sorted by name; values as they stand there."""
    pairs = (line.strip().partition("=") for line in text.splitlines())

    return dict(
        sorted((name, value) for name, sign, value in pairs if sign and name[0] not in "#;")
    )


def problem(app: App) -> str:
    """Return why no release may serve with its environment file, '' if one may.

    That is the new file where there is one. A variable without a value counts as missing.
    """
    if not app.required_variables:
        return ""

    path, text = f"{app.environment_file}.new", ""
    try:
        try:
            text = read_bytes(path, LARGEST, owner=0).decode("utf-8", "replace")
        except FileNotFoundError:
            path = app.environment_file
            text = read_bytes(path, LARGEST).decode("utf-8", "replace")
    except OSError as error:
        return f"{path} cannot be read: {reason_of(error)}"

    given = {name for name, value in variables(text).items() if value.strip("\"' ")}
    missing = [name for name in app.required_variables if name not in given]

    return f"{path} does not set {', '.join(missing)} (required_variables)" if missing else ""

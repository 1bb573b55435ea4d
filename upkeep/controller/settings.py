# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the files for AWX and Semaphore need to know beyond the profiles."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.base.options import OptionError, Options, option, parse

from upkeep import PROJECT

SETTINGS_FILE: t.Final = PROJECT / "controller" / "settings.yml"

#: Neither Jinja nor a line break: what is rendered is applied as it stands.
_PLAIN: t.Final = r"[^{}\n\x00-\x1f]+"

OPTIONS: t.Final[Options] = {
    "prefix": option(
        "str",
        "Begins the name of each object: the server looks names up over all organizations.",
        default="Upkeep",
        pattern=r"[A-Za-z][A-Za-z0-9 _-]{0,30}",
    ),
    "git_url": option("str", "Where the server gets the project.", required=True, pattern=_PLAIN),
    "git_branch": option("str", "Branch, tag or commit.", default="main", pattern=_PLAIN),
    "inventory": option(
        "str", "The inventory, from the root of the project.", required=True, pattern=_PLAIN
    ),
    "image": option(
        "str", "Image of the execution environment.", required=True, pattern=r"[^\s{}]+"
    ),
    "user": option(
        "str",
        "The user that reaches the hosts by ssh.",
        default="upkeep",
        pattern="[a-z_][a-z0-9_-]*",
    ),
    "hook": option(
        "str", "Address that hears of failed jobs.", default="", pattern=r"(https?://[^\s{}]+)?"
    ),
}


class ControllerError(ValueError):
    """Data for a server that cannot be used; one line for each problem."""


@dataclass(frozen=True)
class ControllerSettings:
    """The settings, filled."""

    prefix: str
    git_url: str
    git_branch: str
    inventory: str
    image: str
    user: str
    hook: str

    def named(self, *words: str) -> str:
        """Return the name of an object: ``Upkeep weekly fairedge``."""
        return " ".join((self.prefix, *words))


def parse_settings(values: t.Any) -> ControllerSettings:
    """Return the settings; raises ControllerError."""
    if not isinstance(values, Mapping):
        raise ControllerError("controller/settings.yml is not a mapping of names to values")

    try:
        return ControllerSettings(**parse(OPTIONS, values))
    except OptionError as error:
        raise ControllerError(str(error)) from error


def load_settings(path: Path = SETTINGS_FILE) -> ControllerSettings:
    """Return the settings of a file; raises ControllerError, OSError."""
    try:
        return parse_settings(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ControllerError(f"'{path}' cannot be read: {' '.join(str(error).split())}") from error

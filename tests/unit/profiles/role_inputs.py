# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles get from a shipped profile, as Ansible makes it of the common group variables."""

from __future__ import annotations

import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.profiles.limits import profile
from tools import PROJECT, yamlfiles

FILE: t.Final = PROJECT / "inventory" / "group_vars" / "all" / "role_inputs.yml"


def role_input(name: str, system: str, groups: t.Sequence[str], **more: t.Any) -> t.Any:
    """Return a variable of a role on a host of a system that is in these groups.

    ``more`` are variables that the profile has besides.
    """
    inputs = {key: _trusted(value) for key, value in (yamlfiles.read(FILE) or {}).items()}
    variables = {**inputs, **profile(system), **more, "group_names": list(groups)}

    return Templar(loader=DataLoader(), variables=variables).template(
        trust_as_template(f"{{{{ {name} }}}}")
    )


def _trusted(value: t.Any) -> t.Any:
    """Return a value whose texts Ansible takes for templates, as it does with files."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}

    return value

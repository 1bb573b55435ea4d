# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight takes, and what it refuses with the place and the reason."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.findings import Limits
from ansible.module_utils.upkeep.preflight.settings import PreflightError, parse, parse_legacy


def test_entries_of_other_components_are_left_out() -> None:
    settings = parse(
        {
            "host": "app1",
            "components": ["app"],
            "units": [{"name": "a.service"}, {"name": "b.service", "component": "redis"}],
            "disk": [{"path": "/", "min_free_percent": 10, "component": "app"}],
        }
    )

    assert settings.units == ("a.service",)
    assert [disk.limits for disk in settings.disks] == [Limits(10, 5, "below")]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"legacy_patterns": [""]}, "legacy_patterns[0] is ''; it matches everything"),
        ({"legacy_patterns": ["ok", "x*"]}, "legacy_patterns[1] is 'x*'; it matches everything"),
        ({"legacy_patterns": ["("]}, "legacy_patterns[0] is '('; it must be a regular expression"),
        ({"legacy_patterns": ["^"]}, "it matches everything"),
        ({"units": [{"name": "php*.service"}]}, "is a pattern or empty; name one unit"),
        ({"disk": [{"path": "/", "min_free_percent": 101}]}, "from 0 to 100"),
        ({"required_paths": [{"path": "/x", "mode": "750"}]}, "required_paths[0].mode is '750'"),
        ({"required_pathes": []}, "did you mean 'required_paths'?"),
        ({"max_seconds": 0}, "max_seconds is 0"),
    ],
)
def test_bad_input_is_named_with_its_place(values: dict[str, t.Any], words: str) -> None:
    with pytest.raises(PreflightError) as caught:
        parse({"host": "app1", **values})

    assert words in str(caught.value)


def test_patterns_of_the_takeover_are_held_to_the_same_rules() -> None:
    with pytest.raises(PreflightError, match=r"patterns\[0\] is '\.\*'"):
        parse_legacy({"patterns": [".*"], "state": "adopted"})

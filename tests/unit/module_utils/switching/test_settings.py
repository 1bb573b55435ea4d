# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a server: what does not fit together is named."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.base import options
from ansible.module_utils.upkeep.switching.options import CONFIRMATION, SERVER
from ansible.module_utils.upkeep.switching.settings import problems, server


def given(**values: t.Any) -> dict[str, t.Any]:
    """Return the filled options of a server."""
    filled = options.parse(SERVER, {"unit": "shop-api.service", **values})
    filled["confirmation"] = options.parse(CONFIRMATION, values.get("confirmation", {}))

    return filled


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"unit": "shop-api"}, "server.unit is 'shop-api'; it must be the name of one service"),
        ({"unit": "shop-*.service"}, "it must be the name of one service"),
        (
            {"probes": [{"name": "a", "path": "/"}, {"name": "a", "path": "/b"}]},
            "server.probes: duplicate name 'a'",
        ),
        (
            {"probes": [{"name": "a", "path": "/", "body": "x", "body_file": "/x"}]},
            "server.probes 'a' has body and body_file",
        ),
        (
            {"confirmation": {"error_pattern": "("}},
            "server.confirmation.error_pattern is not a regular expression",
        ),
        (
            {"confirmation": {"seconds": 10, "interval": 10, "needed": 3}},
            "3 rounds every 10 s do not fit into 10 s",
        ),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, t.Any], problem: str) -> None:
    assert problem in "\n".join(problems(given(**values), "server"))


def test_names_of_units_follow_from_the_one_that_serves() -> None:
    made = server(given(listen=["127.0.0.1:8000"]))

    assert made.socket_unit == "shop-api.socket"
    assert made.next_unit == "shop-api-next.service"
    assert made.undo_unit == "shop-api-undo.service"


@pytest.mark.parametrize("listen", ["a b", "x\n[Service]", "%i", "$PORT"])
def test_where_it_listens_leads_systemd_nowhere_else(listen: str) -> None:
    with pytest.raises(options.OptionError, match="must match"):
        given(listen=[listen])

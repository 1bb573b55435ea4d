# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The archive of a release is sent as a candidate of a model is; test_model_update.py has how."""

from __future__ import annotations

from ansible.module_utils.upkeep.predictor_deploy.options import OPTIONS
from ansible.plugins.loader import action_loader

from tools import PROJECT


def test_the_archive_is_named_by_options_that_the_module_knows() -> None:
    action_loader.add_directory(str(PROJECT / "action_plugins"))
    plugin = action_loader.get("predictor_deploy", class_only=True)

    assert plugin.UPLOADS == {"upload": "bundle"}
    assert plugin.OWNER == "bundle_owner"
    assert {*plugin.UPLOADS, *plugin.UPLOADS.values(), plugin.OWNER} <= OPTIONS.keys()

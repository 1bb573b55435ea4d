# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Are the data of a system complete, fresh, plausible and undamaged?

The logic of the module ``data_quality``: each kind of check is one file in ``kinds/``.
"""

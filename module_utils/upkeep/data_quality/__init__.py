# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Are the data of a system complete, fresh, plausible and whole?

The logic of the module ``data_quality``.
"""

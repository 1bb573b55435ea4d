# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is a host fit for maintenance, what do older hand-made jobs still do there, and has somebody accepted it?"""

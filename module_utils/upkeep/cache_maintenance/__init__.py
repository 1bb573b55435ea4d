# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep caches: file caches and Redis keys swept, refreshed and warmed without an empty answer."""

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look after task queues of Celery on a Redis broker: workers, queues, beat, failures."""

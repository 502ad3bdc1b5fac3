"""What the warehouse must contain, computed from the raw files alone: the judge of the SQL.

Nothing here imports from ``pipeline``. The oracle reads a whole folder into memory and works in exact
arithmetic; it is meant for tens of thousands of sessions. It knows nothing of earlier runs, of titles
removed since, or of ``MAX_REJECT_RATIO``: it says what a load from scratch holds when nothing stops it.
"""

from .inputs import expected
from .trusted import trusted_views
from .warehouse import Outcome, Warehouse

__all__ = ["Outcome", "Warehouse", "expected", "trusted_views"]

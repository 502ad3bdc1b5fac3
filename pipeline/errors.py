"""The base of all errors that an operator can mend."""

from collections.abc import Mapping
from typing import ClassVar


class PipelineError(Exception):
    """Something that an operator can mend; the message names it, says why and what to do."""


class RefusedInputError(PipelineError):
    """What was delivered is refused as a whole.

    Attributes:
        is_for_content: whether it is for what was read, so that the audit keeps its digest.
        noted: what the audit keeps beside that.
    """

    is_for_content = True
    noted: ClassVar[Mapping[str, object]] = {}

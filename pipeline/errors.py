"""The base of all errors that an operator can mend."""


class PipelineError(Exception):
    """Something that an operator can mend; the message names it, says why and what to do."""

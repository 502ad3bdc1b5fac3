"""What commands import, for the process that they are forked from; importing this imports all of it.

The pipeline only defines things when it is imported, and Luigi's configuration is read when a run begins: nothing of
the environment of a command can have been read here already.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

for name in (
    "jsonschema",
    "luigi",
    "matplotlib.backends.backend_svg",
    "requests",
    "pipeline.__main__",
    "pipeline.report.index",
    "pipeline.report.page",
):
    import_module(name)
# It would be executed a second time as the program.
del sys.modules["pipeline.__main__"]
# Pages that a collection does not write to stay shared with the commands.
gc.collect()
gc.freeze()


def forget(*, code: bool) -> None:
    """Have a command begin as in a process of its own.

    Args:
        code: whether Luigi and the modules of the pipeline come anew, as where they are not those of the repository.
    """
    for module in list(sys.modules):
        if module == "pipeline" or (code and module.partition(".")[0] in ("luigi", "pipeline")):
            del sys.modules[module]

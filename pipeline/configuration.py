"""Luigi's configuration: the project's `luigi.cfg` holds wherever a command is typed."""

from __future__ import annotations

import os
from pathlib import Path

import luigi.configuration
from luigi.configuration import LuigiConfigParser
from luigi.interface import core

from pipeline.settings import PACKAGE_ROOT, Settings

NAME = "luigi.cfg"


def read(settings: Settings) -> None:
    """Read the project's `luigi.cfg`, which Luigi itself looks for in the working directory alone.

    What the working directory's own file says, and the one that `LUIGI_CONFIG_PATH` names, wins over it. Luigi takes
    exit codes, workers and logging from its configuration only after it has imported the module of the tasks.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if not isinstance(config, LuigiConfigParser):  # LUIGI_CONFIG_PARSER asks for files of another kind
        return
    roots = (settings.project_root, PACKAGE_ROOT)
    project = next((root / NAME for root in roots if (root / NAME).is_file()), None)
    if project is not None:
        config.read([project, NAME, os.environ.get("LUIGI_CONFIG_PATH", "")], encoding="utf-8")
    # Luigi reads these elsewhere, and would warn that it does not know them.
    core.ignore_unconsumed |= {"rpc_retry_attempts", "rpc_retry_wait", "rpc_connect_timeout", "rpc_log_retries"}
    logging_file = Path(config.get("core", "logging_conf_file", ""))  # type: ignore[no-untyped-call]
    for root in roots:
        if (root / logging_file).is_file():
            config.set("core", "logging_conf_file", str(root / logging_file))  # type: ignore[no-untyped-call]
            return

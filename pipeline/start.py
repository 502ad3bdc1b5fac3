"""The beginning of a run: Luigi's configuration, the scheduler, signals, and what is told of tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import luigi.configuration
from luigi.configuration import LuigiConfigParser
from luigi.interface import core

from pipeline import interrupts, scheduling
from pipeline.errors import PipelineError
from pipeline.privacy import check_folders, keep_private
from pipeline.settings import PACKAGE_ROOT, Settings, get_settings
from pipeline.watching import events

CONFIGURATION = "luigi.cfg"


def begin_run() -> None:
    """Prepare this process to run tasks: as `prepare`, with the scheduler, and what is told of tasks."""
    prepare(check_folders)
    scheduling.choose(get_settings())
    events.install()


def prepare(*checks: Callable[[Settings], None]) -> None:
    """Read the configuration, keep files private and let signals end what is going on.

    Wrong settings, or what a check of them raises, end it with one line and code 40.
    """
    try:
        for step in (keep_private, *checks, configure):
            step(get_settings())
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(40)
    interrupts.install()


def configure(settings: Settings) -> None:
    """Read the project's `luigi.cfg`, which Luigi itself looks for in the working directory alone.

    What the working directory's own file says, and the one that `LUIGI_CONFIG_PATH` names, wins over it.
    """
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    if not isinstance(config, LuigiConfigParser):  # LUIGI_CONFIG_PARSER asks for files of another kind
        return
    roots = (settings.project_root, PACKAGE_ROOT)
    project = next((file for root in roots if (file := root / CONFIGURATION).is_file()), None)
    if project is not None:
        config.read([project, CONFIGURATION, os.environ.get("LUIGI_CONFIG_PATH", "")], encoding="utf-8")
    # Luigi reads these elsewhere, and would warn that it does not know them.
    core.ignore_unconsumed |= {"rpc_retry_attempts", "rpc_retry_wait", "rpc_connect_timeout", "rpc_log_retries"}
    logging_file = Path(config.get("core", "logging_conf_file", ""))  # type: ignore[no-untyped-call]
    for root in roots:
        if (root / logging_file).is_file():
            config.set("core", "logging_conf_file", str(root / logging_file))  # type: ignore[no-untyped-call]
            return

"""The servers that the pipeline starts itself: `POSTGRES_HOST`, `MONGO_HOST` or `LUIGID_HOST` is unset.

All live below `EMBEDDED_PATH`, survive the process that started them, and never meet those of another project on the
machine. The packages they need are optional and looked for when first used. Other rooms import this module alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pipeline.servers.embedded import mongo, postgres, scheduler
from pipeline.servers.embedded.cluster import ADMIN, find_binaries
from pipeline.servers.embedded.mongo import ensure as ensure_mongo
from pipeline.servers.embedded.mongo import login as mongo_login
from pipeline.servers.embedded.postgres import ensure as ensure_postgres
from pipeline.servers.embedded.process import Address, EmbeddedServerError, accepts, tail
from pipeline.servers.embedded.scheduler import address as scheduler_address
from pipeline.servers.embedded.scheduler import ensure as ensure_scheduler
from pipeline.servers.embedded.scheduler import page as scheduler_page
from pipeline.settings import Settings

__all__ = [
    "ADMIN",
    "Address",
    "EmbeddedServerError",
    "accepts",
    "ensure",
    "ensure_mongo",
    "ensure_postgres",
    "ensure_scheduler",
    "find_binaries",
    "mongo_login",
    "running",
    "scheduler_address",
    "scheduler_page",
    "stop",
    "tail",
]

_SERVERS = {"luigid": scheduler.server, "PostgreSQL": postgres.server, "MongoDB server": mongo.server}


def ensure(settings: Settings, *, with_scheduler: bool) -> None:
    """Make sure that the servers whose host is unset run: they start at the same time, as each mostly waits.

    Raises:
        EmbeddedServerError: one did not start.
    """
    wanted = {
        ensure_postgres: settings.postgres_host is None,
        ensure_mongo: settings.mongo_is_embedded,
        ensure_scheduler: with_scheduler and settings.luigid_host is None,
    }
    with ThreadPoolExecutor() as pool:
        starting = [pool.submit(start, settings) for start, is_wanted in wanted.items() if is_wanted]
    for start in starting:
        start.result()


def running(settings: Settings) -> dict[str, int]:
    """Return the process of each server that runs below `EMBEDDED_PATH`."""
    found = {name: server(settings).running() for name, server in _SERVERS.items()}
    return {name: each.pid for name, each in found.items() if each}


def stop(settings: Settings) -> list[str]:
    """Stop what runs below `EMBEDDED_PATH`.

    Returns:
        A phrase for each server that was stopped; empty if none ran.

    Raises:
        EmbeddedServerError: a server does not end, or belongs to another user.
    """
    ended = {
        "luigid": scheduler.server(settings).stop(),
        "PostgreSQL": postgres.stop(settings),
        "MongoDB server": mongo.server(settings).stop(),
    }
    return [f"{name} (process {each.pid})" for name, each in ended.items() if each]

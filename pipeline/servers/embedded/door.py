"""The embedded servers, which newcomers and tests use: `POSTGRES_HOST`, `MONGO_HOST` or `LUIGID_HOST` is unset.

All live below `EMBEDDED_PATH`, survive the process that started them, and never meet those of another
project on the machine. The packages they need are optional and looked for when first used.
"""

from __future__ import annotations

from pipeline.servers.embedded import cluster as local_cluster
from pipeline.servers.embedded import daemon as local_daemon
from pipeline.servers.embedded import mongo as local_mongo
from pipeline.servers.embedded import postgres as local_postgres
from pipeline.servers.embedded import scheduler as local_scheduler
from pipeline.servers.embedded.mongo import MongoAddress
from pipeline.servers.embedded.postgres import PostgresAddress
from pipeline.servers.embedded.process import EmbeddedServerError
from pipeline.settings import Settings

__all__ = [
    "EmbeddedServerError",
    "MongoAddress",
    "PostgresAddress",
    "ensure_mongo",
    "ensure_postgres",
    "ensure_scheduler",
    "status",
    "stop",
]


def ensure_postgres(settings: Settings) -> PostgresAddress:
    """Start PostgreSQL if it does not run, and prepare the roles and the database of the settings.

    Raises:
        EmbeddedServerError: the message says what is missing or what the server logged.
    """
    return local_postgres.ensure(settings)


def ensure_mongo(settings: Settings) -> MongoAddress:
    """Start the MongoDB server if it does not run.

    Raises:
        EmbeddedServerError: the message says what is missing or what the server logged.
    """
    return local_mongo.ensure(settings)


def ensure_scheduler(settings: Settings) -> str:
    """Start the central scheduler of Luigi if it does not run; return the address of its page.

    Raises:
        EmbeddedServerError: the message says what the server logged.
    """
    return local_scheduler.ensure(settings)


def stop(settings: Settings) -> list[str]:
    """Stop what runs below `EMBEDDED_PATH`.

    Returns:
        A phrase for each server that was stopped; empty if none ran.

    Raises:
        EmbeddedServerError: a server does not end, or belongs to another user.
    """
    stopped = []
    if (scheduler := local_scheduler.stop(settings)) is not None:
        stopped.append(f"luigid (process {scheduler.pid}, port {scheduler.port})")
    if (pid := local_postgres.stop(settings)) is not None:
        stopped.append(f"PostgreSQL (process {pid})")
    if (mongo := local_mongo.stop(settings)) is not None:
        stopped.append(f"MongoDB server (process {mongo.pid}, port {mongo.port})")
    return stopped


def status(settings: Settings) -> dict[str, dict[str, object]]:
    """What runs, without starting anything.

    Returns:
        For `postgres` and `mongodb`: `running`, `log`, and where it runs `pid`, `host`, `port`.
    """
    postgres: dict[str, object] = {"running": False, "log": str(local_postgres.home(settings) / "server.log")}
    if postmaster := local_postgres.postmaster(settings):
        where = {"pid": postmaster.pid, "host": str(postmaster.socket_dir), "port": local_cluster.PORT}
        postgres |= {"running": postmaster.ready, **where}
    mongodb: dict[str, object] = {"running": False, "log": str(local_mongo.home(settings) / "server.log")}
    if mongo := local_mongo.server(settings):
        mongodb |= {"running": True, "pid": mongo.pid, "host": local_daemon.HOST, "port": mongo.port}
    return {"postgres": postgres, "mongodb": mongodb}

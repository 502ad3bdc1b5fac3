"""Connections to MongoDB."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from pipeline.errors import PipelineError
from pipeline.servers.embedded import ensure_mongo, mongo_login
from pipeline.servers.refusals import mongo_refusal, mongo_unreachable
from pipeline.servers.retries import ConnectionLostError
from pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from pymongo.database import Database
    from pymongo.errors import OperationFailure

MINIMUM_VERSION = (6, 0)
WAIT_FOR_SERVER_SECONDS = 30
WAIT_FOR_EMBEDDED_SECONDS = 3
SOCKET_TIMEOUT_SECONDS = 600  # for one answer; a server that hangs must not hold a run for ever
BATCH_SIZE = 1000  # documents fetched at once


class MongoError(PipelineError):
    """MongoDB cannot be used; the message says why and what to do."""


def server_name(settings: Settings | None = None) -> str:
    """Return which server and database the settings mean, without credentials."""
    settings = settings or get_settings()
    if settings.mongo_is_embedded:
        return f"embedded/{settings.mongo_db}"
    if settings.mongo_uri is None:
        return f"{settings.mongo_host}:{settings.mongo_port}/{settings.mongo_db}"
    servers = urlsplit(settings.mongo_uri.get_secret_value()).netloc.rpartition("@")[2]  # DNS is not asked
    return f"{servers}/{settings.mongo_db}"


def connection_parameters() -> dict[str, Any]:
    """Return what `pymongo.MongoClient` needs, starting the embedded server if that is the one."""
    settings = get_settings()
    if not settings.mongo_is_embedded:
        return mongo_parameters(settings)
    address = ensure_mongo(settings)
    return {"host": address.host, "port": address.port, **mongo_login(settings)}


def mongo_parameters(settings: Settings) -> dict[str, Any]:
    """Return what `pymongo.MongoClient` needs to reach a server that is not the embedded one."""
    tls = {
        "tls": settings.mongo_tls or None,
        "tlsCAFile": settings.mongo_tls_ca_file,
        "tlsCertificateKeyFile": settings.mongo_tls_certificate_key_file,
    }
    parameters: dict[str, Any] = {name: value if value is True else str(value) for name, value in tls.items() if value}
    if settings.mongo_uri is not None:
        return {"host": settings.mongo_uri.get_secret_value(), **parameters}
    parameters |= {"host": settings.mongo_host, "port": settings.mongo_port}
    if settings.mongo_user:
        parameters["username"] = settings.mongo_user
        parameters["password"] = settings.mongo_password.get_secret_value() or None
        parameters["authSource"] = settings.mongo_auth_source
    return parameters


@contextmanager
def database() -> Iterator[Database[dict[str, Any]]]:
    """Open the database of the settings, starting the embedded server if that is the one, and close it.

    Clients do not survive a fork, so each piece of work opens its own.

    Raises:
        MongoError: there is no connection to be had, or the server is too old.
        ConnectionLostError: the embedded server is gone; it is started again when the work is done again.
    """
    import bson
    from bson.codec_options import CodecOptions, DatetimeConversion
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, CursorNotFound, OperationFailure, ServerSelectionTimeoutError

    settings = get_settings()
    # The embedded server ran a moment ago; nobody but the next attempt would start it again.
    wait = WAIT_FOR_EMBEDDED_SECONDS if settings.mongo_is_embedded else WAIT_FOR_SERVER_SECONDS
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            **connection_parameters(),
            serverSelectionTimeoutMS=wait * 1000,
            connectTimeoutMS=10_000,
            socketTimeoutMS=SOCKET_TIMEOUT_SECONDS * 1000,
            appname="video_streaming_pipeline",
        )
    except ConfigurationError as error:
        raise MongoError(mongo_unreachable(str(error), server_name())) from error
    # Whatever is an `_id`, in a document that is only looked for, must not stop the look.
    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="surrogateescape",
    )
    try:
        version = tuple(client.server_info()["versionArray"][:2])
        if version < MINIMUM_VERSION:
            raise MongoError(f"MongoDB 6 or later is needed; {server_name()} is version {version[0]}.{version[1]}")
        yield client.get_database(settings.mongo_db, codec_options=options)
    except CursorNotFound:
        raise  # an operation failure that is no refusal: reading starts afresh
    except (ServerSelectionTimeoutError, ConfigurationError) as error:
        if settings.mongo_is_embedded:
            raise ConnectionLostError(f"the embedded MongoDB server went away: {error}") from error
        raise MongoError(mongo_unreachable(str(error), server_name())) from error
    except OperationFailure as error:
        own = "its one user" if settings.mongo_is_embedded else settings.mongo_user or "nobody (MONGO_USER is not set)"
        user = "the user of MONGO_URI" if settings.mongo_uri else own
        raise MongoError(mongo_refusal(error, _refusal(error), server_name(), user)) from error
    except bson.errors.InvalidBSON as error:
        raise MongoError(f"MongoDB ({server_name()}) sent a document that cannot be read: {error}") from error
    finally:
        client.close()
        _leave_no_wait_behind()


def _leave_no_wait_behind() -> None:
    """Have the end of the process not wait for the threads of closed clients.

    They sleep half a second between looks at whether they should end, and PyMongo would join them at exit, which
    was a third of a run with nothing to do. They are daemons that hold nothing by then.
    """
    from pymongo.synchronous import monitor

    if shutdown := getattr(monitor, "_shutdown_resources", None):
        atexit.unregister(shutdown)


def _refusal(error: OperationFailure) -> str:
    """What the server said, without the documents that PyMongo repeats."""
    details = error.details or {}
    failed = [each["errmsg"] for each in details.get("writeErrors", [])]
    return str(failed[0] if failed else details.get("errmsg", error))


Batches = Callable[[str], Iterable[bytes]]
"""From the name of a collection to its documents, in batches of BSON."""

Result = TypeVar("Result")


def read_snapshot(work: Callable[[Batches], Result]) -> Result:
    """Let `work` read collections as of one moment, where the server can do that, and return its result.

    Raises:
        MongoError: the server is not there, or refuses.
        pymongo.errors.AutoReconnect, pymongo.errors.CursorNotFound: the cursor was lost; start afresh.
    """
    with database() as db:
        # Standalone servers of MongoDB have no snapshots; there the cursor's own view must do.
        snapshot = "setName" in db.command("hello")
        with db.client.start_session(snapshot=snapshot) as reading:

            def batches(name: str) -> Iterable[bytes]:
                cursor: Any = db[name].find_raw_batches({}, session=reading, batch_size=BATCH_SIZE)
                return cast("Iterable[bytes]", cursor)  # its type hints say that documents come

            return work(batches)

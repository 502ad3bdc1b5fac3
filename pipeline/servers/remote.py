"""How the settings lead to servers elsewhere: names without credentials, TLS, connection strings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pipeline.settings import Settings


def postgres_tls(settings: Settings) -> dict[str, str]:
    """Return what libpq is to know about TLS, under libpq's names; empty if nothing is set."""
    given = {
        "sslmode": settings.postgres_sslmode,
        "sslrootcert": settings.postgres_sslrootcert,
        "sslcert": settings.postgres_sslcert,
        "sslkey": settings.postgres_sslkey,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def mongo_server(settings: Settings) -> str:
    """Return which MongoDB servers and database are meant, without credentials and without asking DNS."""
    if settings.mongo_uri is None:
        return f"{settings.mongo_host}:{settings.mongo_port}/{settings.mongo_db}"
    servers = urlsplit(settings.mongo_uri.get_secret_value()).netloc.rpartition("@")[2]
    return f"{servers}/{settings.mongo_db}"


def mongo_user(settings: Settings) -> str:
    """Return who logs in, for messages."""
    if settings.mongo_uri is None:
        return settings.mongo_user or "nobody (MONGO_USER is not set)"
    return "the user of MONGO_URI"


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

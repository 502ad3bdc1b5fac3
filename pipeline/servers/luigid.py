"""The program `luigid` as this project runs it: Luigi's own, with a guard before it.

It has no login. So it answers only whom a browser's page of another site cannot pass for, and a browser runs no
script on its page but Luigi's. Run by its path, it loads nothing else of the pipeline:

    python -P pipeline/servers/luigid.py --address 0.0.0.0 --port 8082 --known-as luigid --state-path state.pickle
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import luigi.server
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.routing import Matcher, Router, Rule, RuleRouter
from tornado.web import Application, OutputTransform

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
PAGE = Path(luigi.server.__file__).parent / "static/visualiser/index.html"


class OwnRequests(Matcher):
    """Matches what programs and the scheduler's own page ask.

    A name of another site in `Host` is a page whose name leads to this machine; one in `Origin` is a page that sends
    a form or a script. An image, a link or a frame names no origin, and can only GET without further headers.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no arguments for a handler; None to give no answer but 'not found'."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        is_ours = _name(f"//{host}") in self._names and (origin is None or urlsplit(origin).netloc == host)
        is_plain = request.method == "GET" and "X-Requested-With" not in request.headers
        return {} if is_ours and not (is_plain and request.path.startswith("/api/")) else None


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # it is none
        return None


class ContentPolicy(OutputTransform):
    """Has browsers run no script but those of Luigi's page, and show it in no page of others.

    Luigi's page takes what tasks say of themselves for markup.
    """

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the header."""
        headers["Content-Security-Policy"] = POLICY
        return status_code, headers, chunk


def _policy(page: str) -> str:
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    own = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'self'; script-src {own}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


POLICY = _policy(PAGE.read_text(encoding="utf-8"))


def guarded(app: Application, names: Collection[str]) -> Router:
    """Put the guard before Luigi's scheduler and its page.

    Args:
        app: Luigi's.
        names: by which others may address it, without ports.
    """
    app.add_transform(ContentPolicy)
    return RuleRouter([Rule(OwnRequests(names), app)])


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("--known-as", action="append", default=[], help="another name by which it is addressed")
    ours, luigis = parser.parse_known_args()
    names = {*THIS_MACHINE, *ours.known_as}
    make = luigi.server.app
    # What it serves is looked up by this name when it starts.
    luigi.server.app = lambda scheduler: guarded(make(scheduler), names)  # type: ignore[no-untyped-call]
    from luigi.cmdline import luigid

    luigid(luigis)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

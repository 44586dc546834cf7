"""The page on this machine, for this machine: clips by opaque identifiers, answers by one trusted page.

It listens on 127.0.0.1 only. A request that names another host (DNS rebinding), or comes from another origin,
is refused; so is a POST that is not JSON, is long, or lacks the token that the page was given. No path of a
request is ever looked up on disk: there is a table of what can be asked for, and the rest is not found.
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from worldlaw.core.errors import BadInput, Failed
from worldlaw.rating.exhibits import Exhibit
from worldlaw.rating.rating_clips import MEDIA_TYPE, picture
from worldlaw.rating.session import ANSWERS, OutOfTurn, Session

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
LONGEST_BODY = 4096  # bytes
PATIENCE = 60  # s until a connection on which nothing is asked is closed
KEPT = 16  # pictures kept in memory, so that a reload or a second rater costs nothing
LONGEST_TIME = 7 * 24 * 3600.0  # s to an answer; above, a clock has jumped


class RatingServer(ThreadingHTTPServer):
    """Serves a session until it is closed. Raises BadInput if the port is taken or not allowed."""

    daemon_threads = True

    def __init__(
        self, shown: Sequence[Exhibit], session: Session, *, port: int = 0, rater: str | None = None
    ) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(32)
        self.rater = rater
        by_name = {each.name: each for each in shown}
        self.picture_of = lru_cache(maxsize=KEPT)(lambda name: picture(by_name[name]))
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise BadInput(f"port {port} cannot be used ({error}); choose another, or 0 for any") from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def server_bind(self) -> None:
        """Without asking the name service who 127.0.0.1 is, which takes seconds where there is none."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no error; anything else is said in one line."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            say(f"{type(error).__name__}: {error}")


def say(text: str) -> None:
    """A line for whoever started the server, not for raters."""
    print(f"worldlaw: {' '.join(text.split())}", file=sys.stderr, flush=True)


class _Refused(Exception):  # noqa: N818
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: RatingServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "worldlaw", ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        """The page, or a clip."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """A rater's turn, an answer, or an answer taken back."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: raters may sit before the same screen."""

    def _guarded(self, handle: Callable[[], None]) -> None:
        try:
            self._check_host()
            handle()
        except _Refused as refusal:
            self.close_connection = True  # a body may not have been read
            self._send(refusal.status, str(refusal).encode(), "text/plain; charset=utf-8")

    def _check_host(self) -> None:
        host = self.headers.get_all("Host") or [""]
        try:
            known = len(host) == 1 and urlsplit(f"//{host[0]}").hostname in HOSTS
        except ValueError:
            known = False
        origin = self.headers.get("Origin")
        if not known or (origin is not None and origin != f"http://{host[0]}"):
            raise _Refused(HTTPStatus.FORBIDDEN, "this page is for this machine only")

    def _get(self) -> None:
        if self.path == "/":
            nonce = secrets.token_urlsafe(16)
            self._send(HTTPStatus.OK, _page(self.server, nonce), "text/html; charset=utf-8", nonce=nonce)
            return
        start, _, identifier = self.path.rpartition("/")
        name = self.server.session.name_of(identifier) if start == "/clip" else None
        if name is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "nothing here")
        try:
            content = self.server.picture_of(name)
        except (BadInput, OSError, MemoryError) as error:
            say(f"{name}: left out of this session: {error}")
            self.server.session.leave_out(name)
            raise _Refused(HTTPStatus.GONE, "this clip cannot be read; it is left out") from error
        self._send(HTTPStatus.OK, content, MEDIA_TYPE)

    def _post(self) -> None:
        action = {"/turn": self._turn, "/answer": self._answer, "/undo": self._undo}.get(self.path)
        if action is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "nothing here")
        asked = self._body()
        try:
            status, turn = action(asked)
        except BadInput as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except Failed as error:
            say(str(error))
            raise _Refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
        self._send(status, json.dumps(asdict(turn)).encode(), "application/json")

    def _turn(self, asked: dict[str, Any]) -> tuple[HTTPStatus, Any]:
        return HTTPStatus.OK, self.server.session.turn(asked.get("rater", ""))

    def _undo(self, asked: dict[str, Any]) -> tuple[HTTPStatus, Any]:
        return HTTPStatus.OK, self.server.session.undo(asked.get("rater", ""))

    def _answer(self, asked: dict[str, Any]) -> tuple[HTTPStatus, Any]:
        rater, answer, seconds = asked.get("rater", ""), asked.get("answer"), asked.get("seconds")
        if not isinstance(answer, str) or answer not in ANSWERS:
            raise BadInput(f"expected the answer yes or no; found {answer!r}")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise BadInput(f"expected the seconds to the answer; found {seconds!r}")
        if not 0 <= seconds <= LONGEST_TIME:
            seconds = math.nan
        try:
            turn = self.server.session.answer(rater, str(asked.get("clip")), ANSWERS[answer], seconds)
        except OutOfTurn:
            return HTTPStatus.CONFLICT, self.server.session.turn(rater)
        return HTTPStatus.OK, turn

    def _body(self) -> dict[str, Any]:
        """What a POST says. Refuses what did not come from the page."""
        if not hmac.compare_digest(self.headers.get("X-Token", "").encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "the page is older than the server; reload it")
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal():
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        if len(length) > 9 or int(length) > LONGEST_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LONGEST_BODY} bytes")
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, "expected JSON") from error
        if not isinstance(asked, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "expected a JSON object")
        return asked

    def _send(self, status: HTTPStatus, content: bytes, kind: str, *, nonce: str = "") -> None:
        self.send_response(status)
        policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        if nonce:
            policy += (
                f"; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src blob:; connect-src 'self'"
            )
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _page(server: RatingServer, nonce: str) -> bytes:
    text = (files("worldlaw.rating") / "page.html").read_text(encoding="utf-8")
    settings = json.dumps({"token": server.token, "rater": server.rater}).replace("<", "\\u003c")
    return text.replace("{{nonce}}", nonce).replace("{{settings}}", settings).encode()

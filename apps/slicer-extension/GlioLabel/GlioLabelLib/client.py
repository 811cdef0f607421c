"""Requests to the server. Each can be cancelled from another thread, which the server notices: it stops computing for nobody."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

from . import multipart
from .words import short_text

#: Seconds for what the server answers at once.
SHORT_S = 60.0
#: Seconds for what is computed, waiting in the queue included; whoever sits there can cancel at any time.
LONG_S = 3600.0
_CONNECT_S = 10.0
_PIECE = 1 << 18


class ServerError(Exception):
    """The server refused, could not do it, or cannot be reached. The text is a sentence for the reader.

    Args:
        text: the sentence.
        status: of the answer; 0 when there was none.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class LoginNeeded(ServerError):
    """The server asks who this is, or does not believe it."""


class Cancelled(Exception):
    """Somebody cancelled the request."""


class Stop:
    """Cancels a request from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: Optional[socket.socket] = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def cancel(self) -> None:
        """End the request: at once if it waits, else before it begins."""
        with self._lock:
            self._cancelled = True
            if self._sock is not None:
                with contextlib.suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; a close would not

    def check(self) -> None:
        """Raises Cancelled if it was."""
        if self._cancelled:
            raise Cancelled

    def watch(self, sock: Optional[socket.socket]) -> None:
        """From now on a cancellation ends this connection (None: there is none)."""
        with self._lock:
            self._sock = sock
            if self._cancelled and sock is not None:
                raise Cancelled


class Reply(NamedTuple):
    """An answer: its content type and its body, or the file that the body was written to."""

    content_type: str
    body: bytes
    path: Optional[str]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body.decode("utf-8"))


class Client:
    """Asks one server, under one client id, with a login if the server wants one.

    Args:
        url: the server's address, as the MONAI Label settings hold it.
        client_id: what this Slicer calls itself.
        username: for the login.
        password: for the login; kept in memory only.
        token: a token that somebody fetched already.
        verify: whether a TLS certificate is checked.
    """

    def __init__(
        self, url: str, client_id: str = "", username: str = "", password: str = "", token: Optional[str] = None, verify: bool = True
    ) -> None:
        plain = url.strip().rstrip("/") or "http://127.0.0.1:8000"
        self.url = plain if "://" in plain else f"http://{plain}"
        self.client_id = client_id
        self.username = username
        self._password = password
        self._token = token
        self._verify = verify
        self._login_lock = threading.Lock()

    # --- asking

    def get(self, path: str, query: Optional[Mapping[str, Any]] = None, stop: Optional[Stop] = None) -> Any:
        """GET something that is JSON."""
        return self.ask("GET", path, query=query, stop=stop).json()

    def ask(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, Any]] = None,
        data: Any = None,
        form: Optional[Tuple[Dict[str, str], Iterable[Tuple[str, str, bytes]]]] = None,
        into: Optional[str] = None,
        stop: Optional[Stop] = None,
        timeout: float = SHORT_S,
    ) -> Reply:
        """Send a request and wait for the answer. A token that has run out is renewed once.

        Args:
            method: GET, PUT, POST, DELETE.
            path: within the server, beginning with a slash.
            query: parameters of the address; None values are left out.
            data: to be sent as JSON.
            form: fields and files to be sent as a form.
            into: a path that the body of a good answer is written to.
            stop: cancels it.
            timeout: seconds without a sign of life.

        Raises:
            ServerError: it cannot be reached, or it refused.
            LoginNeeded: it asks for a login.
            Cancelled: by ``stop``.
        """
        stop = stop or Stop()
        body, kind = None, ""
        if form is not None:
            body, kind = multipart.encode(*form)
        elif data is not None:
            body, kind = json.dumps(data).encode(), "application/json"
        used = self._token
        try:
            return self._send(method, path, query, body, kind, into, stop, timeout)
        except LoginNeeded:
            if not (self.username and self._password):
                raise
        with self._login_lock:
            if self._token == used:  # nobody else renewed it meanwhile
                self._log_in(stop)
        return self._send(method, path, query, body, kind, into, stop, timeout)

    def _log_in(self, stop: Stop) -> None:
        self._token = None
        words = urlencode({"username": self.username, "password": self._password, "grant_type": "password"}).encode()
        kind = "application/x-www-form-urlencoded"
        self._token = self._send("POST", "/auth/token", None, words, kind, None, stop, SHORT_S).json().get("access_token")

    def _send(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, Any]],
        body: Optional[bytes],
        kind: str,
        into: Optional[str],
        stop: Stop,
        timeout: float,
    ) -> Reply:
        stop.check()
        parts = urlsplit(self.url)
        known = {key: str(value) for key, value in (query or {}).items() if value is not None}
        target = parts.path.rstrip("/") + quote(path) + ("?" + urlencode(known) if known else "")
        headers = {"Accept": "*/*"}
        if kind:
            headers["Content-Type"] = kind
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection(parts)
        try:
            connection.connect()
            connection.sock.settimeout(timeout)
            stop.watch(connection.sock)
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise _refusal(answer.status, answer.read(_PIECE))
            content_type = answer.getheader("content-type", "")
            if into is None:
                content = answer.read()
                stop.check()
                return Reply(content_type, content, None)
            _save(answer, into, stop)
            return Reply(content_type, b"", into)
        except (OSError, http.client.HTTPException) as error:
            stop.check()
            raise ServerError(_unreachable(self.url, error)) from error
        finally:
            stop.watch(None)
            connection.close()

    def _connection(self, parts: Any) -> http.client.HTTPConnection:
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if parts.scheme not in ("http", "https") or not host:
            raise ServerError(f"The server address {self.url!r} is none. Expected something like http://127.0.0.1:8000.")
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_CONNECT_S)
        context = ssl.create_default_context()
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=_CONNECT_S, context=context)


def _save(answer: http.client.HTTPResponse, path: str, stop: Stop) -> None:
    """Write the body to a file that is whole or not there."""
    temporary = path + ".part"
    try:
        with open(temporary, "wb") as stream:
            left = answer.length
            while True:
                piece = answer.read(_PIECE)
                stop.check()
                if not piece:
                    break
                stream.write(piece)
                left = None if left is None else left - len(piece)
        if left:
            raise http.client.IncompleteRead(b"", left)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _refusal(status: int, body: bytes) -> ServerError:
    """The server's own sentence, if it sent one."""
    try:
        detail = json.loads(body.decode("utf-8"))["detail"]
    except (ValueError, KeyError, TypeError):
        detail = ""
    if not isinstance(detail, str) or not detail:
        detail = f"The server answered with status {status} and no reason."
    return (LoginNeeded if status == 401 else ServerError)(short_text(detail, 600), status)


def _unreachable(url: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {url} cannot be verified ({error.verify_message}). Ask whoever runs the server for one that this computer "
            "trusts."
        )
    if isinstance(error, socket.timeout):
        return f"{url} does not answer. It may be busy or gone; try again."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing answers at {url}. Is the server running, and is the address right?"
    if isinstance(error, socket.gaierror):
        return f"The name in {url} is not known in this network. Check the address."
    return f"The connection to {url} broke ({error or type(error).__name__}). Try again."

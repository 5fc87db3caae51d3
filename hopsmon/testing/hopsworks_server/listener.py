"""Listener: HTTP or HTTPS on one port of 127.0.0.1, which can close and open again, as a server that goes away does."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeAlias

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_POLL = 0.02  # seconds until a listener that is told to close does


@dataclass(frozen=True)
class Incoming:
    """A request as it came."""

    method: str
    target: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Outgoing:
    """A response as it goes."""

    status: int
    content_type: str
    body: bytes


Answer: TypeAlias = Callable[[Incoming], Outgoing]


class Listener:
    """Answers requests, each connection in a thread of its own."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.host = _HOST
        self.port = 0

    def open(self) -> None:
        """Listen: the first time on a free port, then on the same again."""
        if self._server is not None:
            return
        self._server = _Server((_HOST, self.port), self._answer, self._tls)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse new connections and end those that are open."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.end_connections()
        self._server = self._thread = None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], answer: Answer, tls: ssl.SSLContext | None) -> None:
        self.answer = answer
        self._tls = tls
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            # The handshake is the connection's thread's: a client that stalls must not stall the others.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # the client was faster
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not TLS's own, which would wait

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("the connection of %s ended (%s)", client_address, request, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    server: _Server

    def _reply(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        incoming = Incoming(self.command, self.path, self.headers, self.rfile.read(size))
        outgoing = self.server.answer(incoming)
        self.send_response(outgoing.status)
        if outgoing.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", outgoing.content_type)
            self.send_header("Content-Length", str(len(outgoing.body)))
        self.end_headers()
        self.wfile.write(outgoing.body)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _reply

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.debug(format, *args)

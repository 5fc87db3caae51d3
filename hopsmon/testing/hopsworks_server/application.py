"""Application: who may ask, what is asked, who answers; keeps the log of all requests."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hopsmon.testing.hopsworks_server.errors import API_KEY_NOT_FOUND, TOKEN_INVALID, UNAVAILABLE, Refused
from hopsmon.testing.hopsworks_server.listener import Incoming, Outgoing
from hopsmon.testing.hopsworks_server.router import Call, Reply, Router
from hopsmon.testing.hopsworks_server.state import State

_BASE = "/hopsworks-api/api"
_JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One request that reached the server, as it was sent."""

    method: str
    path: str  # without /hopsworks-api/api
    query: Mapping[str, Sequence[str]]
    body: Any  # parsed JSON; text that is none; None where there was no body
    status: int  # of the response


@dataclass(frozen=True)
class Secrets:
    """What clients prove themselves with: an API key from outside, a token from inside the cluster."""

    api_key: str
    token: str


class Application:
    """Answers requests by the routes, one at a time."""

    def __init__(self, state: State, router: Router, secrets: Secrets) -> None:
        self._state = state
        self._router = router
        self._secrets = secrets
        self.requests: list[Request] = []
        self.problems: list[str] = []  # requests without a route, and errors of the server itself
        self.available = True

    def answer(self, incoming: Incoming) -> Outgoing:
        """Answer a request and log it."""
        url = urlsplit(incoming.target)
        path = unquote(url.path).removeprefix(_BASE)
        query = parse_qs(url.query, keep_blank_values=True)
        with self._state.lock:
            outgoing = self._outcome(incoming, path, query)
            logged = Request(incoming.method, path, query, _readable(incoming), outgoing.status)
            self.requests.append(logged)
        return outgoing

    def _outcome(self, incoming: Incoming, path: str, query: Mapping[str, Sequence[str]]) -> Outgoing:
        try:
            self._admit(incoming.headers)
            found = self._router.find(incoming.method, path)
            if found is None:
                return self._unknown(incoming.method, path)
            route, segments = found
            call = Call(self._state, incoming.method, path, segments, query, incoming.headers, incoming.body)
            return _outgoing(route.status, route.handler(call))
        except Refused as refused:
            return _outgoing(refused.code.status, refused.body)
        except Exception as error:  # noqa: BLE001 - the server's own fault; leaving its context raises it
            self.problems.append(f"{incoming.method} {path}: {''.join(traceback.format_exception(error))}")
            return _outgoing(500, {"errorCode": 120000, "errorMsg": repr(error), "usrMsg": "The test double failed."})

    def _admit(self, headers: Message) -> None:
        if not self.available:
            raise UNAVAILABLE.because("the server was told to be away")
        scheme, _, secret = headers.get("Authorization", "").partition(" ")
        if scheme == "ApiKey":
            if secret != self._secrets.api_key:
                raise API_KEY_NOT_FOUND.because("the API key is not this project's")
        elif scheme != "Bearer" or secret != self._secrets.token:
            raise TOKEN_INVALID.because("neither a valid token nor an API key")

    def _unknown(self, method: str, path: str) -> Outgoing:
        self.problems.append(f"{method} {path}: no route")
        message = f"The test double has no route for {method} {path}"
        return _outgoing(501, {"errorCode": 120006, "errorMsg": message, "usrMsg": message})


def _outgoing(status: int, reply: Reply) -> Outgoing:
    if reply is None:
        return Outgoing(status, _JSON, b"")
    if isinstance(reply, bytes):
        return Outgoing(status, "application/octet-stream", reply)
    return Outgoing(status, _JSON, json.dumps(reply).encode())


def _readable(incoming: Incoming) -> Any:
    """A body for the log: parsed anew, so that nothing the server keeps is in it."""
    if not incoming.body:
        return None
    if incoming.headers.get_content_type() == "multipart/form-data":
        return f"multipart/form-data of {len(incoming.body)} bytes"
    try:
        return json.loads(incoming.body)
    except ValueError:
        return incoming.body.decode("utf-8", "replace")

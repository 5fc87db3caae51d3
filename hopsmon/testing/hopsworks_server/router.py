"""Routing: which function answers which method and path, and what it is told about the request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, TypeAlias

from hopsmon.testing.hopsworks_server.errors import INCOMPLETE_REQUEST
from hopsmon.testing.hopsworks_server.state import Json, State

Reply: TypeAlias = Mapping[str, Any] | Sequence[Any] | bytes | None  # bytes are a file, None is an empty body


@dataclass(frozen=True)
class Call:
    """One request, as the function that answers it sees it."""

    state: State
    method: str
    path: str  # without /hopsworks-api/api, percent signs decoded
    segments: Mapping[str, str]  # what the route's {names} matched
    query: Mapping[str, Sequence[str]]
    headers: Message
    raw: bytes

    def __getitem__(self, name: str) -> str:
        return self.segments[name]

    def number(self, name: str) -> int:
        """A segment of the path as a number."""
        if not self.segments[name].isdigit():
            raise INCOMPLETE_REQUEST.because(f"{name} '{self.segments[name]}' is no number")
        return int(self.segments[name])

    def json(self) -> Json:
        """The body as an object; each call gives a new one, so what is kept is nobody else's."""
        try:
            body = json.loads(self.raw)
        except ValueError as error:
            raise INCOMPLETE_REQUEST.because(f"the body is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise INCOMPLETE_REQUEST.because("the body is no JSON object")
        return body

    def given(self, name: str) -> str | None:
        """A query parameter; None where it is absent, or Python's None as text, which the client sends."""
        value = self.query.get(name, [""])[-1]
        return None if value in ("", "None", "null") else value

    def whole(self, name: str) -> int | None:
        """A query parameter as a number."""
        value = self.given(name)
        return None if value is None else int(value)

    def flag(self, name: str) -> bool:
        """A query parameter as a boolean; the client writes Python's True and False."""
        return (self.given(name) or "").lower() == "true"

    def listed(self, name: str) -> list[str]:
        """A query parameter that may be repeated, or hold commas."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]


Handler: TypeAlias = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method and a pattern of paths, the function that answers, and the status of a success."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    status: int


class Routes:
    """The routes of one module; the decorators `get`, `post`, `put` and `delete` add to them.

    A path's `{name}` matches one segment, `{name:path}` the rest.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.all: list[Route] = []

    def get(self, path: str, status: int = 200) -> Callable[[Handler], Handler]:
        return self._add("GET", path, status)

    def post(self, path: str, status: int = 201) -> Callable[[Handler], Handler]:
        return self._add("POST", path, status)

    def put(self, path: str, status: int = 200) -> Callable[[Handler], Handler]:
        return self._add("PUT", path, status)

    def patch(self, path: str, status: int = 200) -> Callable[[Handler], Handler]:
        return self._add("PATCH", path, status)

    def delete(self, path: str, status: int = 204) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, status)

    def _add(self, method: str, path: str, status: int) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.all.append(Route(method, _pattern(self.prefix + path), handler, status))
            return handler

        return register


class Router:
    """All routes; those that stand first win."""

    def __init__(self, groups: Iterable[Routes]) -> None:
        self._routes = [route for group in groups for route in group.all]

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """The route of a request and what its path's names matched; None: no route."""
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    text = ""
    for literal, name, rest in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        text += re.escape(literal) + (f"(?P<{name}>{'.+' if rest else '[^/]+'})" if name else "")
    return re.compile(text)


def collection(call: Call, items: Sequence[Mapping[str, Any]], total: int | None = None) -> Json:
    """A list as Hopsworks sends it: `count` is all that match, and an empty list has no `items`."""
    reply: Json = {"href": href(call), "count": len(items) if total is None else total}
    return {**reply, "items": list(items)} if items else reply


def page(call: Call, items: Sequence[Mapping[str, Any]]) -> Json:
    """The part of a list that `offset` and `limit` ask for, as a collection."""
    start = call.whole("offset") or 0
    limit = call.whole("limit")
    return collection(call, items[start : None if limit is None else start + limit], len(items))


def href(call: Call) -> str:
    """Where this reply can be had, by the name that the client knows the server by."""
    return f"https://{call.headers.get('Host', '')}/hopsworks-api/api{call.path}"

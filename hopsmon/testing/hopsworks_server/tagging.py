"""Tagging: tags as they are kept, by the path of what they are on."""

from __future__ import annotations

from typing import Any

from hopsmon.testing.hopsworks_server.errors import TAG_SCHEMA_NOT_FOUND
from hopsmon.testing.hopsworks_server.state import Json, State


def check_tag(state: State, name: str) -> None:
    """A tag needs a schema of its name, which administrators make."""
    if name not in state.tag_schemas:
        raise TAG_SCHEMA_NOT_FOUND.because(f"there is no tag schema '{name}'")


def tags_sent_along(state: State, sent: Json) -> dict[str, str]:
    """The tags that something new comes with, taken out of it."""
    tags: dict[str, Any] = sent.pop("tags", None) or {}
    given = {str(tag["name"]): str(tag["value"]) for tag in tags.get("items") or []}
    for name in given:
        check_tag(state, name)
    return given


def tag(state: State, owner: str, tags: dict[str, str]) -> None:
    """Attach tags to what a path leads to."""
    if tags:
        state.tags[owner].update(tags)

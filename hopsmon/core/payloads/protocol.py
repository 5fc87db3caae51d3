"""What a body is, by its keys: v1 or v2, request or response, or an answer about the server."""

from __future__ import annotations

from typing import Any, Final

from hopsmon.core.batch import Side

# The keys under which each side's values may stand, v1's first; v2's is also that of TensorFlow Serving's column form.
KEYS: Final = {Side.REQUEST: ("instances", "inputs"), Side.RESPONSE: ("predictions", "outputs")}

# A body with one of these, and none of the keys above, answers a question about the server or the model: readiness,
# liveness, metadata, the list of models. The logger logs every HTTP call, whatever its path.
ABOUT_THE_SERVER: Final = frozenset(
    {"ready", "live", "status", "models", "versions", "platform", "extensions", "model_version_status"}
)
METADATA: Final = frozenset({"name", "platform"})  # v2 model metadata has `inputs` and `outputs`, too: descriptions


def find_values(doc: dict[str, Any], side: Side | None) -> tuple[Side, Any, bool] | None:
    """The side, the value under its key, and whether it is v2's; None: there is none. `side`: the envelope's word.

    A v2 request may name the `outputs` it wants, so a request's keys come first.
    """
    for candidate in (side,) if side else Side:
        v1_key, v2_key = KEYS[candidate]
        if v1_key in doc:
            return candidate, doc[v1_key], False
        if v2_key in doc and not is_metadata(doc):
            return candidate, doc[v2_key], is_tensors(doc[v2_key])
    return None


def is_metadata(doc: dict[str, Any]) -> bool:
    """Whether a body with `inputs` or `outputs` describes them only: it is v2's metadata of a model."""
    return "platform" in doc and doc.keys() >= METADATA and "model_name" not in doc


def is_tensors(value: Any) -> bool:
    """Whether the value of `inputs` or `outputs` is v2's: a list of objects that have a datatype or a shape."""
    first = value[0] if type(value) is list and value else None
    return type(first) is dict and ("datatype" in first or "shape" in first)

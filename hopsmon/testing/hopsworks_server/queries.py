"""Queries: the SQL that the client's Spark engine runs over the Delta tables of the feature groups in a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hopsmon.testing.hopsworks_server.errors import (
    COMMIT_NOT_FOUND,
    FEATURE_NOT_FOUND,
    INCOMPLETE_REQUEST,
    NO_JOIN_KEYS,
)
from hopsmon.testing.hopsworks_server.feature_groups import feature_group_by_id, time_of
from hopsmon.testing.hopsworks_server.router import Call, Reply, Routes, href
from hopsmon.testing.hopsworks_server.state import Json, State

routes = Routes("/project/{project}/featurestores")

_OPERATORS = {
    "GREATER_THAN": ">",
    "GREATER_THAN_OR_EQUAL": ">=",
    "LESS_THAN": "<",
    "LESS_THAN_OR_EQUAL": "<=",
    "EQUALS": "=",
    "NOT_EQUALS": "<>",
    "LIKE": "LIKE",
}
_JOINS = {"INNER": "INNER JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN", "OUTER": "FULL JOIN"}


@dataclass(frozen=True)
class Part:
    """One feature group of a query, its alias, and how it is joined; the first is not joined."""

    query: Json
    group: Json
    alias: str
    prefix: str
    join: Json | None


@dataclass(frozen=True)
class Column:
    """A column of a query's result: a feature of a part, under its own name or a prefixed one."""

    part: Part
    feature: Json
    name: str


@routes.put("/query")
def construct(call: Call) -> Reply:
    """No point-in-time joins: rows join by their keys alone."""
    query = call.json()
    parts = parts_of(call.state, query)
    sql = _sql(query, parts)
    aliases = [_alias(call.state, part) for part in parts]
    return {
        "href": href(call),
        "query": sql,
        "queryOnline": sql,
        "hudiCachedFeatureGroups": [each for each in aliases if _format(each) == "HUDI"],
        "deltaCachedFeatureGroups": [each for each in aliases if _format(each) != "HUDI"],
        "onDemandFeatureGroups": [],
    }


def parts_of(state: State, query: Json) -> list[Part]:
    """The feature groups of a query, joins within joins after their own."""
    return [
        Part(each, _group(state, each), f"fg{number}", (join or {}).get("prefix") or "", join)
        for number, (each, join) in enumerate(_walk(query, None))
    ]


def columns_of(parts: list[Part]) -> list[Column]:
    """The columns of a query's result; of two with one name the first stays, as a join's keys are the same anyway."""
    columns: dict[str, Column] = {}
    for part in parts:
        for asked in part.query.get("leftFeatures") or part.group["features"]:
            name = part.prefix + asked["name"]
            columns.setdefault(name, Column(part, _feature(part.group, asked["name"]), name))
    return list(columns.values())


def with_current_groups(state: State, query: Json) -> Json:
    """A query whose feature groups are as they are now."""
    joins = [{**join, "query": with_current_groups(state, join["query"])} for join in query.get("joins") or [] if join]
    return {**query, "leftFeatureGroup": _group(state, query), "joins": joins}


def _walk(query: Json, join: Json | None) -> Iterator[tuple[Json, Json | None]]:
    yield query, join
    for each in query.get("joins") or []:
        yield from _walk(each["query"], each)


def _group(state: State, query: Json) -> Json:
    return feature_group_by_id(state, query["leftFeatureGroup"]["id"])


def _feature(group: Json, name: str) -> Json:
    for feature in group["features"]:
        if feature["name"] == name:
            return dict(feature)
    raise FEATURE_NOT_FOUND.because(f"feature group {group['name']} has no feature {name}")


def _sql(query: Json, parts: list[Part]) -> str:
    columns = ", ".join(f"`{each.part.alias}`.`{each.feature['name']}` `{each.name}`" for each in columns_of(parts))
    sql = f"SELECT {columns} FROM `{parts[0].alias}` `{parts[0].alias}`"  # noqa: S608 - of names that were checked
    for part in parts[1:]:
        sql += " " + _join(parts[0], part)
    conditions = [text for part in parts if (text := _condition(parts, part.query.get("filter")))]
    if conditions:
        sql += " WHERE " + " AND ".join(conditions)
    return sql + (f" LIMIT {int(query['limit'])}" if query.get("limit") else "")


def _join(left: Part, part: Part) -> str:
    join = part.join or {}
    own = [feature["name"] for feature in join.get("leftOn") or join.get("on") or _shared_keys(left, part)]
    other = [feature["name"] for feature in join.get("rightOn") or []] or own
    pairs = zip(own, other, strict=True)
    on = " AND ".join(f"`{left.alias}`.`{one}` = `{part.alias}`.`{two}`" for one, two in pairs)
    return f"{_JOINS[str(join.get('type') or 'INNER').upper()]} `{part.alias}` `{part.alias}` ON {on}"


def _shared_keys(left: Part, part: Part) -> list[Json]:
    names = {feature["name"] for feature in left.group["features"] if feature.get("primary")}
    shared = [each for each in part.group["features"] if each.get("primary") and each["name"] in names]
    if not shared:
        raise NO_JOIN_KEYS.because(f"{left.group['name']} and {part.group['name']} have no primary key in common")
    return shared


def _condition(parts: list[Part], logic: Json | None) -> str:
    """A tree of filters as SQL; empty where there is none."""
    if not logic:
        return ""
    sides = [
        *(_comparison(parts, logic[side]) for side in ("leftFilter", "rightFilter") if logic.get(side)),
        *(_condition(parts, logic[side]) for side in ("leftLogic", "rightLogic") if logic.get(side)),
    ]
    kind = "OR" if logic.get("type") == "OR" else "AND"
    return f"({f' {kind} '.join(sides)})"


def _comparison(parts: list[Part], condition: Json) -> str:
    asked = condition["feature"]
    number = asked.get("featureGroupId")
    part = next((part for part in parts if number in (None, part.group["id"])), parts[0])
    feature = _feature(part.group, asked["name"])
    column = f"`{part.alias}`.`{feature['name']}`"
    if condition["condition"] == "IN":
        values = ", ".join(_literal(feature["type"], text) for text in _listed(condition["value"]))
        return f"{column} IN ({values})"
    if condition["condition"] not in _OPERATORS:
        raise INCOMPLETE_REQUEST.because(f"there is no condition {condition['condition']}")
    return f"{column} {_OPERATORS[condition['condition']]} {_literal(feature['type'], condition['value'])}"


def _listed(value: str) -> list[str]:
    return [part.strip().strip("'\"") for part in value.strip("[]").split(",")]


def _literal(kind: str, value: str) -> str:
    """A value as SQL; times may be milliseconds, which no session's time zone can bend."""
    if kind == "timestamp":
        return f"timestamp_millis({int(value)})" if value.isdigit() else f"TIMESTAMP '{_quoted(value)}'"
    if kind == "date":
        return f"DATE(timestamp_millis({int(value)}))" if value.isdigit() else f"DATE '{_quoted(value)}'"
    if kind == "string":
        return f"'{_quoted(value)}'"
    return value.lower() if kind == "boolean" else str(float(value) if "." in value else int(value))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _alias(state: State, part: Part) -> Json:
    alias: Json = {"alias": part.alias, "featureGroup": part.group}
    for side in ("Start", "End"):
        time = part.query.get(f"leftFeatureGroup{side}Time")
        if time is not None:
            alias[f"leftFeatureGroup{side}Timestamp"] = _commit_until(state, part.group, int(time))
    return alias


def _commit_until(state: State, group: Json, time: int) -> int:
    """The latest commit at or before a time: a table can be read as it was at its commits, not later than the last."""
    times = [time_of(made) for made in state.commits[group["id"]] if time_of(made) <= time]
    if not times:
        raise COMMIT_NOT_FOUND.because(f"{group['name']} has no commit at or before {time}")
    return max(times)


def _format(alias: Json) -> str:
    return str(alias["featureGroup"].get("timeTravelFormat"))

"""Types: the names that pandas, Spark and SQL have for types, against what a feature's values can be read as."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hopsmon.core.expectations import rows, values
from hopsmon.core.expectations.reading import NotCheckableError
from hopsmon.core.schema import Feature, FeatureType

NUMBER, WHOLE, TEXT, TRUTH, TIME = "number", "whole number", "text", "boolean", "time"

# In lower case, without sizes: "float64" is "float", "DECIMAL(10, 2)" is "decimal", "datetime64[ns]" is "datetime".
_NAMES = {
    NUMBER: "float floating double decimal numeric number real doubletype floattype decimaltype",
    WHOLE: "int integer long short byte bigint smallint tinyint uint integertype longtype shorttype bytetype",
    TEXT: "str string object object_ o unicode varchar char text category stringtype varchartype chartype",
    TRUTH: "bool bool_ boolean bit booleantype",
    TIME: "datetime timestamp date datetype timestamptype timestampntztype",
}
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
_SIZE = re.compile(r"\d*(\[.*\]|\(.*\))?$")

# What a value of a feature can always be read as; a label may be more by chance.
_FITTING: Mapping[FeatureType, frozenset[str]] = {
    FeatureType.NUMERIC: frozenset({NUMBER}),
    FeatureType.INTEGER: frozenset({NUMBER, WHOLE}),
    FeatureType.TIMESTAMP: frozenset({TIME}),
    FeatureType.BOOLEAN: frozenset({TRUTH}),
    FeatureType.CATEGORICAL: frozenset({TEXT}),
    FeatureType.STRING: frozenset({TEXT}),
}


def meaning(name: str) -> str | None:
    """What the name of a type means; None where it is no name that we know.

    >>> meaning("float64"), meaning("StringType()"), meaning("DECIMAL(10, 2)"), meaning("datetime64[ns]")
    ('number', 'text', 'number', 'time')
    """
    return _MEANING.get(_SIZE.sub("", name.strip()).lower())


def test_of_type(feature: Feature, names: Iterable[str]) -> rows.RowTest:
    """The test that a feature's values are of one of these types.

    A log has no types of its own: a value is what its feature is read as, or it is of a wrong type. So 3 is a float
    and an integer, 3.5 is no integer, and the label "3" is both as well.
    """
    wanted = {found for name in names if (found := meaning(name)) is not None}
    if not wanted:
        raise NotCheckableError(f"no type is known by the name {', '.join(names)}")
    if wanted & _FITTING[feature.type]:
        return rows.AreOfType(True)
    if WHOLE in wanted and feature.type is FeatureType.NUMERIC:
        return rows.NumbersMeet(values.Whole())
    if wanted & {NUMBER, WHOLE} and feature.type in (FeatureType.CATEGORICAL, FeatureType.STRING):
        return rows.LabelsMeet(values.ReadsAs(NUMBER not in wanted))
    return rows.AreOfType(False)

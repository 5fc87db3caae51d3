"""One feature's statistics in every form that Hopsworks has written; what is wrong is said field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hsfs.core.feature_descriptive_statistics import FeatureDescriptiveStatistics

from hopsmon.adapters.hopsworks.statistics import DescriptiveStatistics
from hopsmon.adapters.hopsworks.statistics.descriptive import Bar
from hopsmon.errors import ConfigError

WIRE: dict[str, Any] = {
    "id": 52,
    "featureName": "amount",
    "featureType": "Fractional",
    "count": 150,
    "completeness": 0.98,
    "numNonNullValues": 147,
    "numNullValues": 3,
    "approxNumDistinctValues": 35,
    "exactNumDistinctValues": 34,
    "min": 4.3,
    "max": 7.9,
    "sum": 876.5,
    "mean": 5.84,
    "stdDev": 0.82,
    "percentiles": [4.3 + 3.6 * at / 100 for at in range(1, 100)],
    "extendedStatistics": json.dumps(
        {
            "histogram": [
                {"value": "4.30 to 6.10", "count": 100, "ratio": 0.68},
                {"value": "6.10 to 7.90", "count": 47},
            ],
            "correlations": [{"column": "amount", "correlation": 1.0}, {"column": "age", "correlation": "NaN"}],
            "kll": {"kllFormat": "datasketches-native-v1", "bytes": "AAAA", "buckets": []},
        }
    ),
}


def read(**changes: Any) -> DescriptiveStatistics:
    return DescriptiveStatistics.from_json({**WIRE, **changes})


def extended(**parts: Any) -> DescriptiveStatistics:
    return read(extendedStatistics=json.dumps(parts))


def test_the_rest_apis_json_is_read() -> None:
    found = read()
    assert (found.name, found.kind, found.count, found.values, found.nulls) == ("amount", "Fractional", 150, 147, 3)
    assert (found.min, found.max, found.mean, found.std_dev, found.distinct) == (4.3, 7.9, 5.84, 0.82, 34)
    assert list(found.percentiles) == list(range(1, 100))
    assert found.bars == (Bar("4.30 to 6.10", 100), Bar("6.10 to 7.90", 47))
    assert found.correlations == {"amount": 1.0, "age": None}
    assert found.kll is not None
    assert found.kll.fields["kll_format"] == "datasketches-native-v1"


@pytest.mark.parametrize("packed", [True, False], ids=["a text", "an object"])
def test_what_the_client_holds_is_read_as_the_same(packed: bool) -> None:
    sent = WIRE if packed else {**WIRE, "extendedStatistics": json.loads(WIRE["extendedStatistics"])}
    client = FeatureDescriptiveStatistics.from_response_json(sent)
    attributes = {name[1:]: value for name, value in vars(client).items()}
    assert DescriptiveStatistics.from_json(client.to_dict()) == read()
    assert DescriptiveStatistics.from_json(attributes) == read()


def test_older_backends_spell_the_standard_deviation_differently() -> None:
    old = {name: value for name, value in WIRE.items() if name != "stdDev"}
    assert DescriptiveStatistics.from_json({**old, "stddev": 0.82}) == read()
    assert read(stddev=7.0).std_dev == 0.82


def test_percentiles_of_the_python_engine_are_three() -> None:
    sparse = [0.0] * 100
    sparse[24], sparse[49], sparse[74] = 5.1, 5.8, 6.4
    assert read(percentiles=sparse).percentiles == {25: 5.1, 50: 5.8, 75: 6.4}
    assert read(percentiles=[0] * 100).percentiles == {25: 0, 50: 0, 75: 0}  # most values are zero


def test_percentiles_may_be_a_full_list_of_a_hundred_or_a_mapping() -> None:
    assert list(read(percentiles=[float(at) for at in range(1, 101)]).percentiles.items())[-1] == (100, 100.0)
    assert read(percentiles={"75%": 6.4, "25%": 5.1, "50%": 5.8}).percentiles == {25: 5.1, 50: 5.8, 75: 6.4}
    assert read(percentiles=None).percentiles == read(percentiles=[]).percentiles == {}


def test_numbers_that_are_none_are_missing() -> None:
    found = read(mean=None, max="NaN", min="-Infinity", stdDev=float("nan"), percentiles=[None, *([5.0] * 98)])
    assert (found.mean, found.max, found.min, found.std_dev, found.percentiles[1]) == (None,) * 5


def test_empty_data_have_nothing_but_a_count() -> None:
    found = DescriptiveStatistics.from_json({"id": 52, "featureName": "amount", "count": 0})
    assert found == DescriptiveStatistics("amount", count=0, values=0)


def test_labels_alone_are_read() -> None:
    found = DescriptiveStatistics.from_json(
        {"feature_name": "amount", "count": None, "extended_statistics": {"unique_values": [1, 2, 3]}}
    )
    assert (found.unique, found.count, found.values) == (3, None, None)


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"count": 10, "numNonNullValues": 7, "numNullValues": 3}, (10, 7, 3)),
        ({"count": None, "numNonNullValues": 7, "numNullValues": 3}, (10, 7, 3)),
        ({"count": 10, "numNonNullValues": None, "numNullValues": 3}, (10, 7, 3)),
        ({"count": 10, "numNonNullValues": 7, "numNullValues": None}, (10, 7, 3)),
        ({"count": 10, "numNonNullValues": None, "numNullValues": None, "completeness": 0.7}, (10, 7, 3)),
        ({"count": 150.0, "numNonNullValues": None, "numNullValues": None, "completeness": 1}, (150, 150, None)),
    ],
)
def test_rows_values_and_nulls_follow_from_one_another(given: dict[str, Any], rows: tuple[int | None, ...]) -> None:
    found = read(**given)
    assert (found.count, found.values, found.nulls) == rows


def test_labels_are_spelt_as_the_models_are() -> None:
    found = extended(histogram=[{"value": value, "count": 1} for value in (True, 3, 2.5, "JFK")])
    assert found.bars == (Bar("true", 1), Bar("3", 1), Bar("2.5", 1), Bar("JFK", 1))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no number": ({"mean": "five"}, "mean must be a number, got 'five'"),
    "a truth value": ({"min": True}, "min must be a number, got True"),
    "half a row": ({"count": 1.5}, "count must be a whole number from 0 up, got 1.5"),
    "negative rows": ({"numNullValues": -1}, "num_null_values must be a whole number from 0 up, got -1"),
    "contradiction": ({"count": 4}, r"count must be num_non_null_values \+ num_null_values = 147 \+ 3, got 4"),
    "negative spread": ({"stdDev": -1}, "std_dev must be a number from 0 up, got -1"),
    "percentage": ({"completeness": 98}, "completeness must be a share from 0 to 1, got 98"),
    "ten percentiles": ({"percentiles": [1.0] * 10}, "percentiles must be a list of 99 or 100 numbers, or a mapping"),
    "no percent": ({"percentiles": {"median": 1.0}}, "percentiles must be by percent, as '25%', got 'median'"),
    "a percentile": ({"percentiles": {"25%": "low"}}, "percentiles.25 must be a number, got 'low'"),
    "type": ({"featureType": 7}, "feature_type must be a text, got 7"),
    "no JSON": ({"extendedStatistics": "{"}, "extended_statistics must be a JSON object, got '{'"),
    "no object": ({"extendedStatistics": "[1]"}, r"extended_statistics must be an object, got \[1\]"),
}
WRONG_EXTENDED: dict[str, tuple[dict[str, Any], str]] = {
    "no list": ({"histogram": {"a": 1}}, "extended_statistics.histogram must be a list, got {'a': 1}"),
    "numbers": ({"histogram": [1, 2]}, r"extended_statistics.histogram\[0\] must be an object, got 1"),
    "no count": ({"histogram": [{"value": "a"}]}, r"histogram\[0\].count must be a whole number from 0 up, got None"),
    "no label": ({"histogram": [{"count": 1}]}, r"histogram\[0\].value must be a label, or a range as '0.50 to 0.75'"),
    "correlation": ({"correlations": [{"column": "a", "correlation": 2}]}, "correlation must be a number from -1 to 1"),
    "column": ({"correlations": [{"correlation": 1}]}, r"correlations\[0\].column must be a feature's name, got None"),
    "sketch": ({"kll": [1]}, r"extended_statistics.kll must be an object, got \[1\]"),
}


@pytest.mark.parametrize(("changes", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_told_with_its_value_and_the_next_step(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        read(**changes)
    assert "feature 'amount'" in str(raised.value)
    assert "StatisticsConfig(histograms=True, kll=True)" in str(raised.value)


@pytest.mark.parametrize(("parts", "told"), WRONG_EXTENDED.values(), ids=WRONG_EXTENDED)
def test_a_wrong_field_is_told_with_where_it_stands(parts: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        extended(**parts)


@pytest.mark.parametrize("given", [{}, {"featureName": ""}, {"featureName": 3}, [1], None])
def test_statistics_of_nothing_are_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="featureName must be a name"):
        DescriptiveStatistics.from_json(given)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError) as raised:
        read(mean="x" * 10_000)
    assert len(str(raised.value)) < 500

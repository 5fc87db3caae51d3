"""Names: which columns of a feature view are features, in which order. Each test is one trap; nothing is connected."""

from __future__ import annotations

import pytest

from hopsmon.adapters.hopsworks.names import Roles, ViewColumn, ViewFeatures, feature_type, roles_of
from hopsmon.core.schema import FeatureType
from hopsmon.errors import ConfigError

COLUMNS = (
    ViewColumn("flight_id", "bigint"),
    ViewColumn("departs", "timestamp"),
    ViewColumn("distance", "int"),
    ViewColumn("origin", "string"),
    ViewColumn("weather_code", "varchar(3)", helper=True),
    ViewColumn("minutes_to_departure", "double", on_demand=True),
    ViewColumn("late", "boolean", label=True),
)
TRANSFORMED = (
    *(column for column in COLUMNS if column.name not in ("distance", "late")),
    ViewColumn("standard_scaler_distance", "double"),
    ViewColumn("label_encoder_late", "bigint", label=True),
)
VIEW = ViewFeatures("feature view 'flights' version 1", COLUMNS, TRANSFORMED, frozenset({"flight_id"}), "departs")


def test_features_stand_in_the_order_of_the_view() -> None:
    assert roles_of(VIEW, transformed=False).features == ("distance", "origin", "minutes_to_departure")


def test_after_transformations_results_stand_at_the_end() -> None:
    assert roles_of(VIEW).features == ("origin", "minutes_to_departure", "standard_scaler_distance")


def test_what_is_no_feature_is_told_with_its_reason() -> None:
    roles = roles_of(VIEW, transformed=False)
    assert roles.left_out == {
        "flight_id": "a primary key",
        "departs": "the event time",
        "weather_code": "a helper column",
        "late": "a label",
    }
    assert "Left out as a label: late." in roles.notes()


def test_a_label_is_a_prediction_only_if_asked_for() -> None:
    assert roles_of(VIEW, transformed=False).predictions == ()
    asked = roles_of(VIEW, transformed=False, predictions=["late"])
    assert asked.predictions == ("late",)
    assert "late" not in asked.left_out
    assert asked.types["late"] is FeatureType.BOOLEAN


def test_of_a_transformed_label_the_result_is_asked_for() -> None:
    assert roles_of(VIEW, predictions=["label_encoder_late"]).predictions == ("label_encoder_late",)
    with pytest.raises(ConfigError, match=r"no column 'late'.*It has: .*label_encoder_late"):
        roles_of(VIEW, predictions=["late"])


def test_names_are_given_in_any_case() -> None:
    roles = roles_of(VIEW, transformed=False, predictions=["Late"], exclude=["Minutes To Departure"])
    assert roles.features == ("distance", "origin")
    assert roles.predictions == ("late",)


def test_what_was_excluded_on_purpose_is_no_note() -> None:
    roles = roles_of(VIEW, transformed=False, exclude=["origin"])
    assert roles.left_out["origin"] == "excluded"
    assert not any("origin" in note for note in roles.notes())


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"exclude: feature view 'flights' .*Did you mean 'distance'\?"):
        roles_of(VIEW, transformed=False, exclude=["distanse"])


def test_nested_types_are_left_out() -> None:
    columns = (ViewColumn("a", "double"), ViewColumn("embedding", "array<float>"), ViewColumn("raw", "binary"))
    roles = roles_of(ViewFeatures("feature group 'x' version 1", columns, columns))
    assert roles.features == ("a",)
    assert roles.left_out["embedding"] == "of type array<float>, which cannot be monitored"
    assert roles.left_out["raw"] == "of type binary, which cannot be monitored"


def test_a_view_without_features_is_refused() -> None:
    columns = (ViewColumn("id", "bigint"), ViewColumn("y", "int", label=True))
    with pytest.raises(ConfigError, match=r"No feature is left of the view: id is a primary key; y is a label"):
        roles_of(ViewFeatures("the view", columns, columns, frozenset({"id"})))


@pytest.mark.parametrize(
    ("store_type", "kind"),
    [
        ("BIGINT", FeatureType.INTEGER),
        ("tinyint", FeatureType.INTEGER),
        ("decimal(38, 18)", FeatureType.NUMERIC),
        ("float", FeatureType.NUMERIC),
        ("date", FeatureType.TIMESTAMP),
        ("boolean", FeatureType.BOOLEAN),
        ("string", None),
        ("char(2)", None),
        ("struct<a:int>", None),
    ],
)
def test_types(store_type: str, kind: FeatureType | None) -> None:
    assert feature_type(store_type) is kind


def test_text_has_no_type_until_the_data_says_it() -> None:
    assert roles_of(VIEW, transformed=False) == Roles(
        features=("distance", "origin", "minutes_to_departure"),
        types={"distance": FeatureType.INTEGER, "minutes_to_departure": FeatureType.NUMERIC},
        left_out=roles_of(VIEW, transformed=False).left_out,
    )

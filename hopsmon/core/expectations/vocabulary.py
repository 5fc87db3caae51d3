"""Vocabulary: the expectations that Great Expectations 1.x has, as far as hopsmon does not check them itself.

Those it checks itself stand in `compiling.py`. A test compares all of them with what the library registers.
"""

from __future__ import annotations

from collections.abc import Mapping

# Run by the library on the window's sample of instances.
SAMPLED = frozenset(
    {
        "expect_column_kl_divergence_to_be_less_than",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_z_scores_to_be_less_than",
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_not_be_outliers",
        "expect_compound_columns_to_be_unique",
    }
)

_NO_ORDER = "the instances of a window have no order: requests come on several partitions"
_NO_QUERY = "it needs a database to query; a window is no table"
_BY_SCHEMA = (
    "an instance has the model's features by its schema; what does not come is null: "
    "expect_column_values_to_not_be_null sees it"
)
_NO_LONGER = "Great Expectations has no longer an implementation of it; psi, chi2 and ks compare distributions"

# Cannot be held against a window of a stream, and why.
NEVER: Mapping[str, str] = {
    "expect_column_values_to_be_increasing": _NO_ORDER,
    "expect_column_values_to_be_decreasing": _NO_ORDER,
    "expect_query_results_to_match_comparison": _NO_QUERY,
    "expect_table_row_count_to_equal_other_table": _NO_QUERY,
    "unexpected_rows_expectation": _NO_QUERY,
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _NO_LONGER,
    "expect_column_chisquare_test_p_value_to_be_greater_than": _NO_LONGER,
    "expect_column_pair_cramers_phi_value_to_be_less_than": _NO_LONGER,
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _NO_LONGER,
    "expect_column_to_exist": _BY_SCHEMA,
    "expect_table_column_count_to_be_between": _BY_SCHEMA,
    "expect_table_column_count_to_equal": _BY_SCHEMA,
    "expect_table_columns_to_match_ordered_list": _BY_SCHEMA,
    "expect_table_columns_to_match_set": _BY_SCHEMA,
}

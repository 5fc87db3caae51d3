"""Real data with injected faults: each is found and named, by which technique, and soon."""

from __future__ import annotations

import pytest

from benchmarks.faults import FAULTY, ROWS, Fault, faults, outcome_of

# What only this kind of technique can see must be found by it.
EXPECTED = {
    "unit": {"psi", "ks"},
    "nulls": {"null_share"},
    "codes": {"unseen_categories", "chi2"},
    "label": {"unseen_categories", "chi2"},
    "frozen": {"psi", "ks"},
    "swapped": {"psi", "ks"},
}
ALL = faults()


def test_every_kind_of_fault_is_in_several_sets() -> None:
    kinds = [fault.fault.split("_")[0] for fault in ALL]
    assert set(kinds) == set(EXPECTED)
    assert len({fault.data for fault in ALL}) == 5
    assert all(kinds.count(kind) >= 3 for kind in ("unit", "nulls", "codes", "frozen", "swapped"))


@pytest.mark.parametrize("fault", ALL, ids=[fault.name for fault in ALL])
def test_a_fault_is_found_named_and_no_alarm_came_before(fault: Fault) -> None:
    found = outcome_of(fault)
    assert set(found.named) == set(fault.features)
    assert found.rows is not None
    assert found.rows <= 3 * ROWS < FAULTY * ROWS
    assert (set(fault.also) or EXPECTED[fault.fault.split("_")[0]]) <= set(found.first_by)
    assert found.false_alarms == 0
    assert found.other_features == ()

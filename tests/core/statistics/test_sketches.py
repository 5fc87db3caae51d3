"""Quantiles and distinct counts keep within the errors they state, for any number of merges."""

from __future__ import annotations

import numpy as np
import pytest

from hopsmon.core.batch import FloatArray
from hopsmon.core.statistics.distinct import Distinct, hash_labels, hash_numbers
from hopsmon.core.statistics.quantiles import Quantiles

NUMBER_HASHES = [0, 3035652100526550566, 4700886180178471262, 11847092026128538346]
LABEL_HASHES = [13020603013274838756, 4608981236071098869, 4223062404410717160]
SHARES = np.linspace(0.01, 0.99, 99)


def sketched(values: FloatArray, parts: int, k: int = 200) -> Quantiles:
    total = Quantiles.of_values(np.empty(0), k)
    for part in np.array_split(values, parts):
        total += Quantiles.of_values(np.sort(part), k)
    return total


def rank_errors(values: FloatArray, quantiles: Quantiles) -> FloatArray:
    """How far the shares asked for lie outside the ranks that the answers really have."""
    ordered, found = np.sort(values), np.array(quantiles.quantiles(SHARES.tolist()))
    low, high = ordered.searchsorted(found, "left"), ordered.searchsorted(found, "right")
    return np.maximum(low / len(values) - SHARES, SHARES - high / len(values))


# The stated bound holds with 99 % probability and the sketch draws random numbers: twice the bound is never reached.
@pytest.mark.parametrize("parts", [1, 10, 1000])
@pytest.mark.parametrize("shape", ["normal", "ties", "drifting"])
def test_quantiles_are_within_the_stated_rank_error(shape: str, parts: int) -> None:
    values = np.random.default_rng(5).normal(size=100_000)
    values = {"normal": values, "ties": values.round(), "drifting": np.sort(values)}[shape]
    quantiles = sketched(values, parts)
    assert quantiles.count == 100_000
    assert quantiles.rank_error == pytest.approx(0.0133, abs=1e-4)
    assert rank_errors(values, quantiles).max() < 2 * quantiles.rank_error


def test_a_larger_sketch_errs_less() -> None:
    values = np.random.default_rng(6).normal(size=100_000)
    quantiles = sketched(values, 10, k=2048)
    assert quantiles.rank_error < 0.0015
    assert rank_errors(values, quantiles).max() < 2 * quantiles.rank_error


def test_sketches_of_different_sizes_add() -> None:
    values = np.random.default_rng(7).normal(size=20_000)
    both = Quantiles.of_values(values[:10_000], 2048) + Quantiles.of_values(values[10_000:], 200)
    assert both.count == 20_000
    assert rank_errors(values, both).max() < 2 * both.rank_error


def test_a_few_values_are_kept_exactly() -> None:
    quantiles = Quantiles.of_values(np.array([3.0, 1.0, 2.0]))
    assert quantiles.rank_error == 0.0
    assert quantiles.quantiles([0, 0.5, 1]) == [1.0, 2.0, 3.0]
    assert quantiles.ranks([0.5, 1.0, 3.0]) == pytest.approx([0, 1 / 3, 1])


def test_an_empty_sketch_has_no_quantiles() -> None:
    assert Quantiles().quantiles([0.5]) == []
    assert Quantiles().ranks([0.5]) == []
    assert Quantiles().count == len(Quantiles().retained()[0]) == 0


def test_retained_values_stand_for_all() -> None:
    values, weights = sketched(np.random.default_rng(8).normal(size=12_345), 3).retained()
    assert weights.sum() == 12_345
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("count", [0, 1, 10, 100, 1_000, 3_000, 10_000, 1_000_000])
def test_distinct_values_are_estimated_within_four_standard_errors(count: int) -> None:
    ordered = np.sort(np.random.default_rng(9).normal(size=count))
    assert Distinct.of_sorted(ordered).estimate == pytest.approx(count, rel=4 * 1.04 / 32, abs=0.5)


@pytest.mark.parametrize("values", [np.arange(5_000.0), np.arange(5_000) / 8, 1.7e9 + np.arange(5_000.0)])
def test_regular_numbers_are_estimated_as_well_as_random_ones(values: FloatArray) -> None:
    assert Distinct.of_sorted(values).estimate == pytest.approx(5_000, rel=4 * 1.04 / 32)


def test_repeated_values_count_once() -> None:
    once = np.arange(50.0)
    assert Distinct.of_sorted(np.repeat(once, 100)) == Distinct.of_sorted(once)


def test_labels_are_estimated_too() -> None:
    labels = tuple(f"user-{number}" for number in range(20_000))
    assert Distinct.of_hashes(hash_labels(labels)).estimate == pytest.approx(20_000, rel=4 * 1.04 / 32)


def test_hashes_are_the_same_for_ever() -> None:
    assert hash_numbers(np.array([0.0, 1.0, -2.5, 1e300])).tolist() == NUMBER_HASHES
    assert hash_labels(("", "true", "日本")).tolist() == LABEL_HASHES


@pytest.mark.parametrize("count", [0, 1, 100, 170, 300, 5_000, 500_000])
def test_every_binary_form_of_distinct_gives_the_value_back(count: int) -> None:
    value = Distinct.of_sorted(np.arange(count, dtype=np.float64))
    assert np.array_equal(Distinct.from_bytes(value.to_bytes()).registers, value.registers)
    assert len(value.to_bytes()) <= 1027


def test_registers_far_apart_are_stored_in_full() -> None:
    registers = np.full(1024, 2, np.uint8)
    registers[7] = 40
    stored = Distinct(registers).to_bytes()
    assert len(stored) == 1027
    assert np.array_equal(Distinct.from_bytes(stored).registers, registers)


def test_the_rarest_hashes_reach_the_last_register_value() -> None:
    hashes = np.array([0, 1, 2, 2**54 - 1, 2**64 - 1], np.uint64)
    assert Distinct.of_hashes(hashes[:1]).registers[0] == 54
    assert Distinct(np.full(1024, 54, np.uint8)).estimate == 2.0**63
    assert Distinct.of_hashes(hashes[1:2]).registers[0] == 54
    assert Distinct.of_hashes(hashes[2:3]).registers[0] == 53
    assert Distinct.of_hashes(hashes[3:4]).registers[0] == 1
    assert Distinct.of_hashes(hashes[4:]).registers[1023] == 1

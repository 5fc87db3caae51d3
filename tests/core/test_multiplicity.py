"""Corrections for many questions: against other implementations, brute force, and simulated nulls."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hopsmon.core.multiplicity import (
    ONLINE,
    Correction,
    ELond,
    Lord,
    OnlineFdr,
    Saffron,
    adjusted,
    e_benjamini_hochberg,
    e_value_of,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(P_VALUES)
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    given_ = np.array(p_values)
    expected = stats.false_discovery_control(given_, method="bh")
    np.testing.assert_allclose(adjusted(given_, Correction.BENJAMINI_HOCHBERG), expected, rtol=1e-12)


@given(P_VALUES)
def test_bonferroni_multiplies(p_values: list[float]) -> None:
    given_ = np.array(p_values)
    np.testing.assert_array_equal(
        adjusted(given_, Correction.BONFERRONI), [min(1, p * len(p_values)) for p in p_values]
    )
    assert adjusted(given_, Correction.NONE) is given_


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_e_bh_is_its_definition(e_values: list[float], level: float) -> None:
    count = len(e_values)
    ordered = sorted(e_values, reverse=True)
    best = max((k for k in range(1, count + 1) if k * ordered[k - 1] >= count / level), default=0)
    assert e_benjamini_hochberg(np.array(e_values), level).sum() == best


@given(P_VALUES, st.floats(0.01, 0.5))
def test_adjusted_by_e_bh_is_below_the_level_where_e_bh_rejects(p_values: list[float], level: float) -> None:
    given_ = np.array(p_values)
    found = adjusted(given_, Correction.E_BH)
    rejected = e_benjamini_hochberg(np.array([e_value_of(p_value) for p_value in p_values]), level)
    assert ((found <= 1) & (found >= given_ - 1e-12)).all()
    unclear = np.abs(found - level) < 1e-9  # rounding decides
    np.testing.assert_array_equal((found <= level)[~unclear], rejected[~unclear])


def lord_level(t: int, found_at: list[int], alpha: float) -> float:
    """The formula, over all times of discovery."""

    def gamma(j: int) -> float:
        return 0.0772 * log(max(j, 2)) / (j * exp(sqrt(log(j))))

    wealth = alpha / 2
    level = gamma(t) * wealth
    for number, time in enumerate(found_at):
        level += (alpha - wealth if number == 0 else alpha) * gamma(t - time)
    return level


def saffron_level(t: int, found_at: list[int], candidates: list[bool], alpha: float) -> float:
    """The formula; `candidates[i]` says whether test i + 1 was one."""

    def gamma(j: int) -> float:
        return float(j**-1.6) / 2.2857656603

    def since(time: int) -> int:
        return sum(candidates[time : t - 1])

    wealth = 0.5 * alpha / 2
    level = wealth * gamma(t - since(0))
    for number, time in enumerate(found_at):
        level += (0.5 * alpha - wealth if number == 0 else 0.5 * alpha) * gamma(t - time - since(time))
    return min(0.5, level)


@given(st.lists(st.one_of(st.floats(0, 1), st.floats(0, 0.002)), min_size=1, max_size=60))
def test_levels_follow_the_published_recursions(p_values: list[float]) -> None:
    lord, saffron, alpha = Lord(), Saffron(), 0.05
    lord_found: list[int] = []
    saffron_found: list[int] = []
    candidates: list[bool] = []
    for t, p_value in enumerate(p_values, 1):
        expected = lord_level(t, lord_found, alpha)
        found, level, lord = lord.test(p_value, alpha)
        assert level == pytest.approx(expected, rel=1e-12)
        assert found == (p_value <= level)
        lord_found += [t] * found
        expected = saffron_level(t, saffron_found, candidates, alpha)
        found, level, saffron = saffron.test(p_value, alpha)
        assert level == pytest.approx(expected, rel=1e-7)
        saffron_found += [t] * found
        candidates.append(p_value <= 0.5)


def test_e_lond_spends_its_level_as_published() -> None:
    state, levels = ELond(), []
    for inverse in (1.0, 1e-9, 1.0, 1.0):
        _, level, state = state.test(inverse, 0.1)
        levels.append(level)
    assert levels == pytest.approx([0.1 / 2, 0.1 / 6, 2 * 0.1 / 12, 2 * 0.1 / 20])


def test_discount_sequences_sum_to_at_most_one() -> None:
    t = np.arange(1, 2_000_001)
    lord = 0.0772 * np.log(np.maximum(t, 2)) / (t * np.exp(np.sqrt(np.log(t))))
    v = sqrt(log(len(t)))  # the tail is the integral of 2 v³ exp(-v)
    tail = 2 * exp(-v) * (v**3 + 3 * v**2 + 6 * v + 6)
    assert 0.9 < lord.sum() + 0.0772 * tail <= 1
    assert Lord().next_level(1.0) == pytest.approx(lord[0] / 2)
    assert Saffron().next_level(1.0) == pytest.approx(0.25 / 2.2857656603)


def false_discovery_rate(kind: type[OnlineFdr], alpha: float, dependence: float) -> tuple[float, float]:
    """Mean false discovery proportion and power over simulated streams, a fifth of the hypotheses false."""
    rng = np.random.default_rng(11)
    proportions, power = [], []
    for _ in range(60):
        effect = np.where(rng.random(300) < 0.2, 3.5, 0.0)
        z = sqrt(1 - dependence) * rng.normal(size=300) + sqrt(dependence) * rng.normal() + effect
        state, found = kind(), []
        for p in stats.norm.sf(z).tolist():
            asked = 1 / e_value_of(p) if kind is ELond else p
            rejected, _, state = state.test(asked, alpha)
            found.append(rejected)
        hits = np.array(found)
        proportions.append((hits & (effect == 0)).sum() / max(hits.sum(), 1))
        power.append(hits[effect > 0].mean())
    return float(np.mean(proportions)), float(np.mean(power))


@pytest.mark.parametrize(("kind", "least_power"), [(Lord, 0.3), (Saffron, 0.3), (ELond, 0.0)])
def test_the_false_discovery_rate_is_held(kind: type[OnlineFdr], least_power: float) -> None:
    rate, power = false_discovery_rate(kind, 0.1, dependence=0.0)
    assert rate <= 0.1
    assert power >= least_power


def test_e_lond_holds_it_for_dependent_values_too() -> None:
    rate, _ = false_discovery_rate(ELond, 0.2, dependence=0.8)
    assert rate <= 0.2


@given(st.sampled_from([*ONLINE.values()]), st.lists(st.floats(0, 0.6), max_size=150))
def test_a_stored_state_goes_on_as_the_one_kept(kind: type[OnlineFdr], p_values: list[float]) -> None:
    state = kind()
    for p_value in p_values:
        _, _, state = state.test(p_value, 0.9)
    restored = kind.from_bytes(state.to_bytes())
    assert restored == state
    assert restored.next_level(0.9) == state.next_level(0.9)
    assert len(state.to_bytes()) < 900


def test_forgetting_old_discoveries_makes_levels_smaller() -> None:
    state = Lord()
    found_at: list[int] = []
    for t in range(1, 301):
        expected = lord_level(t, found_at, 0.05)
        _, level, state = state.test(0.0, 0.05)
        assert level <= expected * (1 + 1e-12)
        found_at.append(t)
    assert level > 0.8 * expected


@pytest.mark.parametrize("data", [None, b"", b"\x01", b"\x02" + bytes(17)])
def test_a_state_that_cannot_be_read_starts_afresh(data: bytes | None) -> None:
    assert Lord.from_bytes(data) == Lord()

"""Times as text: which forms are read, and that a text means the same in any company."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads.times import MISSING, iso_micros, rfc3339_micros

NEW_YEAR = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000_000

two_digits = st.integers(0, 99).map("{:02}".format) | st.sampled_from(["00", "01", "12", "23", "24", "59", "60", "61"])
years = st.sampled_from(["0000", "0001", "1677", "1678", "1969", "1970", "2024", "2026", "2262", "2263", "9999", "026"])
fractions = st.just("") | st.text("0123456789", max_size=12).map(".{}".format)
zones = st.sampled_from(["Z", "z", "", "+01", "-0130", "+01:30", "+23:59", "+24:00", "-00:60", "+1", "+01:3", " Z"])


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Nearly times, most of them really."""
    month, day = (
        draw(st.sampled_from(["01", "02", "12", "13"])),
        draw(st.sampled_from(["01", "28", "29", "31", "32"])),
    )
    text = f"{draw(years)}-{month}-{day}"
    parts = draw(st.integers(0, 3))
    if parts:
        text += draw(st.sampled_from(["T", " ", "t", "_"]))
        text += ":".join(draw(two_digits) for _ in range(parts))
    return text + (draw(fractions) if parts == 3 else "") + draw(zones)


texts = moments() | st.none() | st.text(max_size=5) | moments().map(" {}\n".format)


@pytest.mark.parametrize("read", [rfc3339_micros, iso_micros])
@settings(max_examples=500)
@given(batch=st.lists(texts, min_size=1, max_size=4))
@example(batch=["2026-01-01T00:00Z"])
@example(batch=["2026-01-01T00Z"])
@example(batch=["2026-01-01T09:00:00+01"])
@example(batch=["2262-04-11T23:47:16.854775807Z"])
@example(batch=["1677-09-22T00:00:00-23:59"])
@example(batch=["0000-02-29"])
@example(batch=["2026-01-01 00:00:00.1"])
def test_a_text_means_the_same_in_any_company(read: Callable[[pa.StringArray], IntArray], batch: list[str]) -> None:
    alone = [int(read(pa.array([text], pa.string()))[0]) for text in batch]
    assert read(pa.array(batch, pa.string())).tolist() == alone
    assert read(pa.array([*batch, "odd"], pa.string())).tolist() == [*alone, MISSING]


@pytest.mark.parametrize("company", [[], ["odd"], [None], ["2026-01-01T00:00:00Z"]], ids=repr)
@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01T00:00:00.123456789Z", NEW_YEAR + 123_456),
        ("2026-01-01T00:00Z", NEW_YEAR),  # as Java's OffsetDateTime writes it
        ("2026-01-01T09:30+01:00", NEW_YEAR + 8 * HOUR + HOUR // 2),
        ("2026-01-01 09:00:00+01", NEW_YEAR + 8 * HOUR),  # as PostgreSQL writes it
        ("2026-01-01T09:00:00+0100", NEW_YEAR + 8 * HOUR),  # as strftime's %z writes it
        ("2026-01-01T00Z", NEW_YEAR),
        ("2026-01-01t00:00:00z", NEW_YEAR),
        ("2025-12-31T23:59:60Z", NEW_YEAR),  # a leap second
        ("2025-12-31T23:59:61Z", MISSING),
        ("2026-01-01T00:00:00", MISSING),  # whose clock?
        ("2026-01-01", MISSING),
        ("2026-01-01Z", MISSING),
        ("2026-01-01T24:00:00Z", MISSING),
        ("2026-01-01T00:60:00Z", MISSING),
        ("2026-02-29T00:00:00Z", MISSING),
        ("2026-01-01T00:00:00+24:00", MISSING),
        ("2026-01-01T00:00:00-00:60", MISSING),
        ("2026-01-01T00:00:00.Z", MISSING),
    ],
)
def test_times_with_a_zone(text: str, micros: int, company: list[str | None]) -> None:
    assert rfc3339_micros(pa.array([text, *company], pa.string()))[0] == micros


def test_years_beyond_nanoseconds() -> None:
    read = rfc3339_micros(pa.array(["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"]))
    assert read.tolist() == [253_402_300_799_999_999, -62_135_596_800_000_000]


def test_slices_and_nulls() -> None:
    whole = pa.array(["odd", None, "2026-01-01T00:00:00Z"], pa.string())
    assert np.array_equal(rfc3339_micros(whole.slice(1)), [MISSING, NEW_YEAR])

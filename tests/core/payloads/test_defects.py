"""The last line of defence: what happens to a message on which a reader, or hopsmon itself, fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon.core.batch import IntArray
from hopsmon.core.payloads import Limits, RejectReason, bind, decode
from hopsmon.core.payloads.formats import open_auto
from hopsmon.core.payloads.opened import Ledger, Opened, UnreadableError
from hopsmon.core.payloads.records import LogRecords
from hopsmon.core.payloads.typed import typed_column
from hopsmon.core.schema import Feature, FeatureType, ModelSchema
from hopsmon.errors import ConfigError, OutsideError
from tests.core.payloads.messages import ARRIVAL, Message, assert_accounted, event, instances, log

GOOD = event(b'{"instances": [[1.5, 2.5]]}', id="good")
POISON = event(b'{"instances": [["poison"]]}', id="bad")
READY = event(b'{"ready": true}', kind="response")
BROKEN = event(b"{")
AT = 1_795_396_366_915_767  # of `event`


class Brittle:
    """Reads as "auto" does, and fails where it sees poison."""

    def __init__(self, fail: Callable[[], None], when: Callable[[list[bool]], bool] = any) -> None:
        self._fail = fail
        self._when = when
        self.calls = 0

    def __call__(self, records: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
        self.calls += 1
        if self._when([b"poison" in (text or b"") for text in records.texts(rows)]):
            self._fail()
        return open_auto(records, rows, limits, ledger)


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@given(st.lists(st.sampled_from([GOOD, POISON, READY, BROKEN]), max_size=12))
def test_the_message_is_a_reject_and_the_others_are_read_as_ever(messages: list[Message]) -> None:
    decoded = decode(log(*messages), Brittle(failing(OverflowError("too large"))))
    harmless = [BROKEN if message is POISON else message for message in messages]
    expected = decode(log(*harmless))
    assert_accounted(decoded)
    assert instances(decoded) == instances(expected)
    assert (decoded.decoded, decoded.rejected, decoded.skipped) == (
        expected.decoded,
        expected.rejected,
        expected.skipped,
    )
    reasons = {reject.row: str(reject.reason) for reject in decoded.rejects}
    wanted = {POISON[0]: "hopsmon_defect", BROKEN[0]: "bad_json"}
    assert reasons == {row: wanted[body] for row, (body, _) in enumerate(messages) if body in wanted}
    for row, message in enumerate(messages):
        own = message is not POISON
        assert decoded.own_time[row] == own
        assert decoded.event_time[row] == (AT if own else ARRIVAL + row * 1_000_000)
        assert decoded.id_of(row) == (expected.id_of(row) if own else None)
        services = decoded.attributes.get("service")
        assert (services.at(row) if services else None) == ("iris" if own else None)


def test_the_reject_says_what_failed_and_where() -> None:
    (reject,) = decode(log(GOOD, POISON), Brittle(failing(OverflowError("too large")))).rejects
    assert reject.reason is RejectReason.DEFECT
    assert "OverflowError: too large" in reject.message
    assert f"({__name__}, line " in reject.message
    assert "report" in reject.message


@pytest.mark.parametrize("error", [ValueError("x" * 100_000), ValueError("\ud800"), KeyError(), RecursionError("deep")])
def test_whatever_the_error_says_the_reject_is_a_short_text(error: Exception) -> None:
    (reject,) = decode(log(POISON), Brittle(failing(error))).rejects
    assert len(reject.message) < 1_000
    assert pa.array([reject.message], pa.string())


def test_a_reader_may_leave_it_to_others_to_say_which_message_it_is() -> None:
    error = UnreadableError(RejectReason.RAGGED, "The line is short.")
    (reject,) = decode(log(GOOD, POISON), Brittle(failing(error))).rejects
    assert (reject.row, reject.reason, reject.message) == (1, "ragged", "The line is short.")


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(1),
        MemoryError(),
        ConfigError("no such schema"),
        OutsideError("the registry is away"),
        ConnectionError("the registry is away"),
    ],
)
def test_what_is_no_messages_fault_is_raised(error: BaseException) -> None:
    with pytest.raises(type(error)):
        decode(log(GOOD, POISON), Brittle(failing(error)))


def test_a_reader_that_fails_on_all() -> None:
    decoded = decode(log(*[GOOD] * 5), Brittle(failing(TypeError("no")), when=lambda _: True))
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(i, "hopsmon_defect") for i in range(5)]
    assert (decoded.decoded, decoded.rejected) == (0, 5)


def test_a_reader_that_fails_on_messages_in_company_only() -> None:
    decoded = decode(log(*[GOOD] * 5), Brittle(failing(TypeError("no")), when=lambda seen: len(seen) > 1))
    assert decoded.rejects == ()
    assert [row for _, row, _ in instances(decoded)] == [0, 1, 2, 3, 4]


def test_a_reader_that_fails_on_no_message_at_all() -> None:
    decoded = decode(log(), Brittle(failing(TypeError("no")), when=lambda _: True))
    assert (decoded.rows, decoded.groups, decoded.rejects) == (0, (), ())


def test_nothing_is_done_twice_where_nothing_fails() -> None:
    reader = Brittle(failing(TypeError("no")))
    decode(log(GOOD, READY, BROKEN), reader)
    assert reader.calls == 1


def test_halving_takes_few_steps() -> None:
    reader = Brittle(failing(TypeError("no")))
    assert decode(log(*[GOOD] * 500, POISON, *[GOOD] * 500), reader).rejected == 1
    assert reader.calls < 30


def with_column(name: str) -> Callable[..., tuple[Opened, ...]]:
    """A format whose messages have a column that is read later; it fails on poison."""

    def opener(records: LogRecords, rows: IntArray, limits: Limits, ledger: Ledger) -> tuple[Opened, ...]:
        def read() -> Any:
            if any(b"poison" in (text or b"") for text in records.texts(rows)):
                raise TypeError("no text")
            return pa.array(["mine"] * len(rows), pa.string())

        (opened,) = open_auto(records, rows, limits, ledger)
        late = {"ids": read} if name == "id" else {"attributes": {name: read}}
        return (Opened(opened.rows, opened.bodies, opened.times, **late),)

    return opener


def test_an_attribute_that_somebody_will_ask_for_is_read_in_time() -> None:
    decoded = decode(log(GOOD, POISON, GOOD), with_column("service"), attributes=("service", "other"))
    assert [(reject.row, reject.reason) for reject in decoded.rejects] == [(1, "hopsmon_defect")]
    service = decoded.attributes["service"]
    assert [service.at(row) for row in range(3)] == ["mine", None, "mine"]


def test_ids_that_cannot_be_read_are_missing() -> None:
    decoded = decode(log(GOOD, POISON), with_column("id"))
    assert decoded.decoded == 2
    assert decoded.id_of(0) is None


SCHEMA = ModelSchema((Feature("a", FeatureType.NUMERIC), Feature("b", FeatureType.CATEGORICAL)), ())


@pytest.mark.parametrize(
    "bodies",
    [
        [{"instances": [[1, 2], [3, 4]]}, {"instances": [[666, 2], [1, 1]]}, {"instances": [[5, 6]]}],
        [{"instances": [[1, "x"], [3, "y"]]}, {"instances": [[666, "x"], [1, "x"]]}, {"instances": [[5, None]]}],
        [
            {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
            {"instances": [{"a": 666, "b": 1}, {"a": 1, "b": 1}]},
            {"instances": [{"a": 5, "b": "z"}]},
        ],
    ],
    ids=["numbers", "values", "named"],
)
def test_a_message_that_cannot_be_bound(bodies: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    real = typed_column

    def brittle(values: Any, kind: FeatureType) -> Any:
        if any(value == 666 for value in list(values)):
            raise OverflowError("too large")
        return real(values, kind)

    (raw,) = decode(log(*(json.dumps(body).encode() for body in bodies))).groups
    expected, _ = bind(raw.take(np.flatnonzero(raw.message != 1)), SCHEMA)
    monkeypatch.setitem(bind.__globals__, "typed_column", brittle)
    batch, rejects = bind(raw, SCHEMA)
    assert [(reject.row, reject.reason) for reject in rejects] == [(1, "hopsmon_defect")]
    assert batch.message.tolist() == [0, 0, 2]
    assert batch.instance.tolist() == [0, 1, 0]
    assert batch.columns["a"].values.tolist() == expected.columns["a"].values.tolist() == [1, 3, 5]  # type: ignore[union-attr]
    assert batch.columns["b"].codes.tolist() == expected.columns["b"].codes.tolist()  # type: ignore[union-attr]


def test_messages_that_cannot_be_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    real = typed_column

    def brittle(values: Any, kind: FeatureType) -> Any:
        if len(values) > 1:
            raise OverflowError("too many")
        return real(values, kind)

    (raw,) = decode(log(*[b'{"instances": [[1, 2]]}'] * 3)).groups
    monkeypatch.setitem(bind.__globals__, "typed_column", brittle)
    batch, rejects = bind(raw, SCHEMA)
    assert len(batch) == 0
    assert [(reject.row, reject.reason) for reject in rejects] == [(row, "hopsmon_defect") for row in range(3)]

"""The benchmarks measure what they say: verdicts, files, messages, sightings and rivals. No timing is asserted."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path

import deltalake
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks import (
    core,
    engine,
    harness,
    latency,
    messages,
    producer,
    rivals,
    state,
    techniques_cost,
    throughput,
    watcher,
    worker_memory,
)
from benchmarks.environments import EVIDENTLY, WHYLOGS, measure
from benchmarks.harness import Options, Result, Rounds, at_least, at_most
from hopsmon.core.payloads.decode import decode
from hopsmon.core.payloads.decoded import Matrix
from hopsmon.core.techniques.registry import DEFAULT_TECHNIQUES

SECOND = 1_000_000
START = 1_790_000_010_000_000  # the start of a 15 s window
HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))


@pytest.mark.parametrize(
    ("target", "value", "holds"),
    [
        (at_least(0.75), 0.75, True),
        (at_least(0.75), 0.7499, False),
        (at_most(1.2), 1.2, True),
        (at_most(1.2), 1.21, False),
        (at_least(8), None, False),
        (at_most(8), None, False),
        (at_most(8), float("nan"), False),
        (None, 3.0, None),
        (None, None, None),
    ],
)
def test_a_target_holds_exactly_when_it_is_reached(
    target: harness.Target | None, value: float | None, holds: bool | None
) -> None:
    assert Result("x", value, "s", target).holds is holds


def test_the_file_holds_each_result_with_its_verdict_and_where_it_was_measured(tmp_path: Path) -> None:
    results = [
        Result("engine_over_bare_read.v2", 0.5, "x", at_least(0.75)),
        Result("messages_per_second.v2", 1e5, "/s"),
        Result("latency_p75.drift", None, "s", at_most(18.5)),
    ]
    options = Options("throughput", ("--format", "v2"), out=tmp_path)
    file = harness.publish(options, results, {"seconds": {"engine": [2.0]}})  # missed targets raise nothing
    document = json.loads(file.read_text())
    assert file == tmp_path / "throughput.json"
    assert document["results"] == [
        {"name": "engine_over_bare_read.v2", "value": 0.5, "unit": "x", "target": 0.75, "holds": False},
        {"name": "messages_per_second.v2", "value": 1e5, "unit": "/s", "target": None, "holds": None},
        {"name": "latency_p75.drift", "value": None, "unit": "s", "target": 18.5, "holds": False},
    ]
    assert document["command"] == "python -m benchmarks.throughput --format v2"
    assert document["machine"]["cores"] >= 1
    assert document["versions"]["numpy"] == np.__version__


def test_a_missed_target_is_said() -> None:
    missed = Result("core_over_whylogs", 7.9, "x", at_least(8))
    assert "MISSED: core_over_whylogs" in harness.summary_of(Options("core"), [missed])
    assert "All targets hold" in harness.summary_of(
        Options("core"), [Result("core_over_whylogs", 8.1, "x", at_least(8))]
    )


@pytest.mark.parametrize("arguments", [["--scale", "0.01"], ["--rounds", "1"]])
def test_a_reduced_run_never_overwrites_the_real_figures(arguments: list[str]) -> None:
    assert harness.parse_options("core", arguments).file.name == "core.reduced.json"
    assert harness.parse_options("core", []).file == harness.RESULTS / "core.json"


def test_sizes_can_be_reduced_by_environment_and_by_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOPSMON_BENCH_SCALE", "0.001")
    assert harness.parse_options("core", []).size(1_000_000) == 1_000
    assert harness.parse_options("core", ["--scale", "0.5"]).size(1_000_000) == 500_000


def test_contenders_run_in_turn_and_the_best_of_each_counts() -> None:
    order: list[str] = []
    seconds = {"a": iter([4.0, 2.0, 3.0]), "b": iter([5.0, 9.0, 6.0])}

    def contender(name: str) -> float:
        order.append(name)
        return next(seconds[name])

    rounds = Rounds()
    rounds.run({"a": lambda: contender("a"), "b": lambda: contender("b")}, 3)
    assert "".join(order) == "ababab"
    assert rounds.speedup("a", over="b") == 2.5


def test_every_seventh_row_is_planted_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "CHUNK", 10)
    found = [max(row) == 25.0 for row in messages.rows(50, planted_every=7)]
    assert found == [number % 7 == 0 for number in range(50)]


def test_rows_are_as_wide_as_asked_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "CHUNK", 10)
    found = list(messages.rows(25, features=40))
    assert [len(row) for row in found] == [40] * 25
    assert len({row[0] for row in found}) == 25


def test_wide_topics_hold_as_many_values_and_full_windows() -> None:
    options = Options("techniques_cost", rounds=3)
    traffics = {width: techniques_cost.wide("nowhere:1", width, options) for width in techniques_cost.WIDTHS}
    assert {traffic.messages * traffic.features for traffic in traffics.values()} == {techniques_cost.VALUES}
    for width, traffic in traffics.items():
        times = producer.event_times(traffic)
        _, counts = np.unique(times // throughput.WINDOW_MICROS, return_counts=True)
        assert np.abs(counts[:-1] - techniques_cost.IN_A_WINDOW).max() <= 1, width
        assert techniques_cost.values_at(width, techniques_cost.VALUES) == techniques_cost.VALUES
    small = techniques_cost.wide("nowhere:1", 1_000, Options("techniques_cost", scale=0.001))
    assert small.messages == 3 * techniques_cost.IN_A_WINDOW


def test_growth_is_measured_by_the_value() -> None:
    rounds = Rounds({"10": [20.0, 10.0], "100": [12.0], "1000": [16.0]})
    found = {result.name: result for result in techniques_cost.compare_widths(rounds, techniques_cost.VALUES)}
    assert found["per_value.1000_over_10"].value == pytest.approx(1.6)
    assert found["per_value.1000_over_10"].holds is False
    assert found["seconds_per_million_values.10"].value == pytest.approx(1.0)
    (ratio, *_) = techniques_cost.compare(Rounds({"default": [5.0], "none": [4.0, 6.0]}))
    assert (ratio.value, ratio.holds) == (1.25, True)


def test_a_run_with_other_techniques_has_a_file_of_its_own() -> None:
    options = harness.parse_options("throughput", ["--techniques", "none"], ("json_v1",))
    assert options.file.name == "throughput.techniques-none.json"
    assert engine.techniques(options.techniques) == ()
    plan = engine.query("b:1", "t", Path("folder"), throughput.NEVER_IDLE, setting=engine.Setting("default", 40))
    (monitor,) = plan.monitors
    assert len(monitor.schema.features) == len(monitor.baseline.features) == 40
    assert len(monitor.techniques) == len(DEFAULT_TECHNIQUES)


@pytest.mark.parametrize("wire_format", messages.ENCODERS)
def test_the_engine_reads_what_the_producer_sends(wire_format: str) -> None:
    traffic = producer.Traffic("nowhere:1", "t", wire_format, 40, rate=4_000.0, first_event=START)
    sent = list(messages.rows(traffic.messages))
    numbered = enumerate(zip(producer.event_times(traffic).tolist(), sent, strict=True))
    encoded = [messages.ENCODERS[wire_format](number, when, row) for number, (when, row) in numbered]
    arrived = [(when + producer.ARRIVAL_DELAY) // 1_000 * 1_000 for when in producer.event_times(traffic).tolist()]
    records = pa.record_batch(
        {
            "value": pa.array([message.value for message in encoded], pa.binary()),
            "headers": pa.array([message.headers or None for message in encoded], HEADERS),
            "topic": ["t"] * len(encoded),
            "partition": pa.array([0] * len(encoded), pa.int32()),
            "offset": pa.array(range(len(encoded)), pa.int64()),
            "timestamp": pa.array(arrived, pa.int64()),
        }
    )
    decoded = decode(records)
    (group,) = decoded.groups
    assert not decoded.rejects
    assert isinstance(group.columns, Matrix)
    np.testing.assert_array_equal(group.columns.values, np.array(sent))
    np.testing.assert_array_equal(group.event_time, producer.decoded_times(traffic))


def test_an_event_id_can_be_read_back() -> None:
    assert [messages.request_number(messages.event_id(number)) for number in (0, 31, 5_000_000)] == [0, 31, 5_000_000]


def window_rows(counts: dict[int, int]) -> list[dict[str, object]]:
    start = {at: datetime.fromtimestamp(at / SECOND, tz=timezone.utc) for at in counts}
    return [{"window_start": start[at], "instances": count} for at, count in counts.items()]


def test_throughput_counts_only_if_every_complete_window_is_right() -> None:
    times = START + np.arange(400) * SECOND // 10  # 40 s at 10 a second: two complete windows, one that stays open
    right = {START: 150, START + 15 * SECOND: 150}
    throughput.check(window_rows(right), times)
    with pytest.raises(throughput.WrongResult):
        throughput.check([*window_rows(right), *window_rows({START: 150})], times)
    for wrong in ({START: 150}, {**right, START: 149}, {**right, START + 30 * SECOND: 100}, {}):
        with pytest.raises(throughput.WrongResult):
            throughput.check(window_rows(wrong), times)


def test_a_row_is_seen_when_its_first_version_is_whatever_rewrites_it(tmp_path: Path) -> None:
    table, store = "hopsmon_drift", tmp_path / "store"
    out = tmp_path / "seen.jsonl"
    out.touch()
    process = watcher.start_watcher(store, (table,), out)
    try:
        deltalake.write_deltalake(store / table, pa.table({"k": [1, 2], "v": [1, 1]}))
        deltalake.write_deltalake(store / table, pa.table({"k": [3], "v": [1]}), mode="append")
        merge = deltalake.DeltaTable(store / table).merge(
            pa.table({"k": [2, 4], "v": [9, 9]}), "t.k = s.k", source_alias="s", target_alias="t"
        )
        merge.when_matched_update_all().when_not_matched_insert_all().execute()
        deadline = time.monotonic() + 60
        while len(watcher.sightings(out)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()
    seen = watcher.sightings(out)
    at = {sighting.version: sighting.seen_at for sighting in seen}
    assert sorted(at) == [0, 1, 2]
    assert dict(watcher.first_seen(store, seen, table, ["k"])) == {(1,): at[0], (2,): at[0], (3,): at[1], (4,): at[2]}


def observed(windows: dict[int, int], counted: dict[int, int], outliers: dict[int, int]) -> latency.Observed:
    """Ten requests a second for 30 s from START; the second and later are measured."""
    sent = START + np.arange(300) * SECOND // 10
    tables = {"hopsmon_statistics": windows, "hopsmon_drift": windows}
    return latency.Observed(sent, slice(10, 300), outliers, tables, counted)


def values(results: list[Result]) -> dict[str, float | None]:
    return {result.name: result.value for result in results}


def test_a_request_waits_until_its_window_is_visible() -> None:
    both = {START: START + 22 * SECOND, START + 15 * SECOND: START + 37 * SECOND}
    found = latency.results(observed(both, {START: 150, START + 15 * SECOND: 150}, {}))
    # Measured: 140 requests that waited 21.0 … 7.1 s, and 150 that waited 22.0 … 7.1 s.
    assert values(found)["latency_p50.statistics"] == pytest.approx(14.3)
    assert values(found)["latency_p75.drift"] == pytest.approx(17.9)
    assert values(found)["latency_requests_miscounted"] == 0


def test_a_window_that_never_came_is_no_fast_one() -> None:
    found = latency.results(observed({START: START + 22 * SECOND}, {START: 150}, {}))
    assert values(found)["latency_p75.statistics"] is None
    assert {result.name: result.holds for result in found}["latency_p75.statistics"] is False
    assert values(found)["latency_requests_miscounted"] == 150


def test_outliers_are_timed_from_their_own_request_and_missing_ones_are_counted() -> None:
    sent = START + np.arange(300) * SECOND // 10
    flagged = {number: int(sent[number]) + SECOND // 2 for number in (0, 7, 100)}
    flagged[0] += 50 * SECOND  # warm-up: not measured
    found = values(latency.results(observed({}, {}, flagged)))
    assert found["latency_p99.outliers"] == 0.5
    assert found["latency_outliers_missed"] == 1  # 0, 100 and 200 were planted


def test_memory_growth_is_the_worse_of_the_two_ways_to_read() -> None:
    found = state.results([900, 40_000, 30_000], {"one_batch": [100, 105], "many_batches": [100, 120]})
    by_name = {result.name: result for result in found}
    assert (by_name["state_bytes_per_key"].value, by_name["state_bytes_per_key"].holds) == (40_000, True)
    assert (by_name["worker_rss_growth"].value, by_name["worker_rss_growth"].holds) == (1.2, False)


def test_this_process_is_no_spark_worker_but_has_a_peak() -> None:
    own = worker_memory._self()
    assert own not in worker_memory.python_workers()
    assert worker_memory.peak_of(own) > 1 << 20
    assert worker_memory.peak_of(2**31 - 1) == 0  # gone


def test_the_core_s_own_measurement_counts_all_rows(tmp_path: Path) -> None:
    data = core.write_data(tmp_path, Options("core", scale=0.05))
    found = measure(core.OURS, *data, core.BATCH)
    assert found["rows"] == 50_000
    assert found["findings"] >= core.FEATURES


def test_without_the_others_the_core_s_ratios_are_missed_not_invented() -> None:
    rounds = Rounds({core.SUMMARISE: [1.0], core.JUDGE: [1.1], WHYLOGS.name: [9.0]})
    found = {result.name: result for result in core.results(rounds, 1_000)}
    assert (found["core_over_whylogs"].value, found["core_over_whylogs"].holds) == (9.0, True)
    assert (found["core_over_evidently"].value, found["core_over_evidently"].holds) == (None, False)
    assert EVIDENTLY.pins


@pytest.mark.parametrize("wire_format", ["json_v1", "v2"])
def test_the_rival_counts_every_value_once(spark, wire_format: str) -> None:
    sent = list(messages.rows(200))
    encoded = [messages.ENCODERS[wire_format](number, START, row) for number, row in enumerate(sent)]
    times = [datetime.fromtimestamp(START / SECOND + number / 10, tz=timezone.utc) for number in range(200)]
    frame = spark.createDataFrame(
        [(bytearray(message.value), when) for message, when in zip(encoded, times, strict=True)],
        "value binary, timestamp timestamp",
    )
    rows = [row.asDict() for row in rivals.spark_sql(frame, wire_format).collect()]
    found = pd.DataFrame(rows)
    matrix = np.array(sent)
    assert found.groupby("feature")["count"].sum().tolist() == [200] * 10
    assert found["window"].nunique() == 2
    np.testing.assert_allclose(found.groupby("feature")["sum"].sum(), matrix.sum(0))
    np.testing.assert_allclose(found.groupby("feature")["sum_of_squares"].sum(), (matrix**2).sum(0))
    np.testing.assert_allclose(found.groupby("feature")["max"].max(), matrix.max(0))

import datetime as dt
import gzip
import itertools
import os

import pytest

from hopsmon.adapters.files.source import FilesSource
from hopsmon.errors import ConfigError, OutsideError
from hopsmon.streaming.ports import LOG_COLUMNS, LogSource, Rewindable

NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone.utc)


def write(folder, name, content, when=NOON):
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    nanoseconds = round(when.timestamp() * 1000) * 1_000_000
    os.utime(file, ns=(nanoseconds, nanoseconds))


def read(source, spark, checkpoint):
    """The rows of each micro-batch, from the checkpoint to the end of the folder."""
    batches = []
    query = (
        source.load(spark)
        .writeStream.foreachBatch(lambda frame, _: batches.append(frame.collect()))
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    return batches


def values(rows):
    return [bytes(row.value) for row in rows]


def test_a_folder_becomes_the_logs_columns(spark, tmp_path):
    folder = tmp_path / "log"
    write(folder, "a.jsonl", b'{"id": 1}\n{"id": 2}')
    source = FilesSource(folder)

    frame = source.load(spark)
    [rows] = read(source, spark, tmp_path / "checkpoint")

    assert isinstance(source, LogSource)
    assert frame.columns == list(LOG_COLUMNS)
    assert [kind for _, kind in frame.dtypes] == [
        "binary",
        "array<struct<key:string,value:binary>>",
        "string",
        "int",
        "bigint",
        "timestamp",
    ]
    assert values(rows) == [b'{"id": 1}', b'{"id": 2}']
    assert {(row.headers, row.topic, row.partition) for row in rows} == {(None, str(folder), 0)}
    assert {row.timestamp for row in rows} == {NOON.replace(tzinfo=None)}


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
def test_lines_come_in_the_order_of_file_times_then_names_whatever_the_cut(spark, tmp_path, unit):
    folder = tmp_path / "log"
    for number, name in enumerate(["z.jsonl", "b.jsonl", "a.json", "c.jsonl.gz", "d.json.gz"]):
        later = dt.timedelta(**{unit: number // 2})  # two files share a time
        write(folder, name, f"{name} 1\n{name} 2\n".encode() + b"x" * number, NOON + later)
    expected = ["b.jsonl", "z.jsonl", "a.json", "c.jsonl.gz", "d.json.gz"]

    in_one = [row for rows in read(FilesSource(folder), spark, tmp_path / "one") for row in rows]
    one_by_one = [row for rows in read(FilesSource(folder, 1), spark, tmp_path / "many") for row in rows]

    in_order = sorted(in_one, key=lambda row: row.offset)
    assert list(dict.fromkeys(row.value.split(b" ")[0].decode() for row in in_order if b" " in row.value)) == expected
    assert len({row.offset for row in in_one}) == len(in_one)
    assert {(row.offset, bytes(row.value)) for row in one_by_one} == {(row.offset, bytes(row.value)) for row in in_one}


def test_each_spark_task_has_its_rows_in_order_and_no_other_between_them(spark, tmp_path):
    folder = tmp_path / "log"
    for number in range(12):
        # Sizes that would make Spark pack late files before early ones.
        write(folder, f"{number}.jsonl", b"line\n" * (1 + 50 * (number % 5)), NOON + dt.timedelta(minutes=number))
    source = FilesSource(folder)
    spans = []

    def remember(frame, _):
        from pyspark.sql import functions as F

        spans.extend(frame.groupBy(F.spark_partition_id()).agg(F.min("offset"), F.max("offset")).collect())

    query = (
        source.load(spark)
        .writeStream.foreachBatch(remember)
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()

    ordered = sorted((low, high) for _, low, high in spans)
    assert len(ordered) > 1
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ordered))


def test_bytes_stay_as_they_are_and_blank_lines_count_but_do_not_come(spark, tmp_path):
    folder = tmp_path / "log"
    write(folder, "a.jsonl", b'{"x": "\xff\xfe"}\r\n\n  \n\xe2\x82\xac')

    [rows] = read(FilesSource(folder), spark, tmp_path / "checkpoint")

    assert values(rows) == [b'{"x": "\xff\xfe"}', b"\xe2\x82\xac"]
    assert rows[1].offset - rows[0].offset == 3


def test_files_that_come_later_are_read_once_even_with_an_old_time(spark, tmp_path):
    folder = tmp_path / "log"
    write(folder, "new.jsonl", b"new\n")
    source = FilesSource(folder)
    read(source, spark, tmp_path / "checkpoint")
    write(folder, "old.jsonl", b"old\n", NOON - dt.timedelta(days=400))

    batches = read(source, spark, tmp_path / "checkpoint")

    assert [values(rows) for rows in batches] == [[b"old"]]


def test_hidden_and_other_files_are_no_log(spark, tmp_path):
    folder = tmp_path / "log"
    for name in (".a.jsonl", "_b.jsonl", "c.txt", "d.jsonl.tmp", "e.jsonl"):
        write(folder, name, name.encode())
    (folder / "sub").mkdir()
    write(folder / "sub", "f.jsonl", b"f")

    [rows] = read(FilesSource(folder), spark, tmp_path / "checkpoint")

    assert values(rows) == [b"e.jsonl"]


def test_a_long_line_and_names_with_strange_letters(spark, tmp_path):
    folder = tmp_path / "log é %41 #"
    write(folder, "ä %20+?.jsonl", b"y" * (10 << 20) + b"\nend")

    [rows] = read(FilesSource(folder), spark, tmp_path / "checkpoint")

    assert [len(value) for value in values(rows)] == [10 << 20, 3]


def test_a_broken_archive_is_explained(spark, tmp_path):
    folder = tmp_path / "log"
    write(folder, "a.jsonl.gz", b"x" * 1000)
    (folder / "a.jsonl.gz").write_bytes((folder / "a.jsonl.gz").read_bytes()[:-8])
    source = FilesSource(folder)

    with pytest.raises(Exception, match="EOFError") as caught:
        read(source, spark, tmp_path / "checkpoint")

    assert "must be complete" in str(source.explain(str(caught.value)))
    assert source.explain("some other failure") is None


def test_check_says_what_is_missing(tmp_path):
    with pytest.raises(OutsideError, match="no folder"):
        FilesSource(tmp_path / "none").check()
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(OutsideError, match=r"none of its 1 entries is one of \*.jsonl"):
        FilesSource(tmp_path).check()
    write(tmp_path, "a.jsonl", b"")
    FilesSource(tmp_path).check()


@pytest.mark.parametrize("path", ["s3://bucket/log", "/logs/2024-*", "/logs/[a]"])
def test_only_plain_folders_are_taken(path):
    with pytest.raises(ConfigError):
        FilesSource(path)


def test_a_folder_can_be_read_from_a_point_in_time(spark, tmp_path):
    for hour in range(3):
        write(tmp_path / "log", f"{hour}.jsonl", b"%d" % hour, NOON + hour * dt.timedelta(hours=1))
    source = FilesSource(tmp_path / "log")

    [rows] = read(source.since(NOON + dt.timedelta(hours=1)), spark, tmp_path / "checkpoint")
    [everything] = read(source, spark, tmp_path / "other")

    assert isinstance(source, Rewindable)
    assert values(rows) == [b"1", b"2"]
    assert [row.offset for row in rows] == [row.offset for row in everything][1:]

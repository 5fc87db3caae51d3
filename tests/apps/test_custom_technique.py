"""examples/custom_technique: an outside package, built and installed for real, works like what is built in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "custom_technique"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, by pip, without a network."""
    folder = tmp_path_factory.mktemp("custom")
    source = shutil.copytree(EXAMPLE, folder / "source")
    words = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", *words, str(source)], check=True, cwd=folder)
    return folder / "site"


def python(site: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process that finds the package."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))), "COLUMNS": "100", **more}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=site, env=environment
    )


def test_the_command_line_knows_it(site: Path) -> None:
    listed = _hopsmon(site, "techniques")
    assert "round_share" in listed.stdout, listed.stderr
    told = _hopsmon(site, "techniques", "round_share")
    assert "share of whole multiples of ten" in told.stdout, told.stderr
    assert "min_rows: int = 30" in told.stdout


def _hopsmon(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python(site, "-c", f"import sys; from hopsmon.cli.main import app; sys.argv[1:] = {list(words)!r}; app()")


def test_compare_runs_it_and_the_compliance_suite_passes(site: Path) -> None:
    done = python(
        site,
        "-c",
        """
import json, numpy as np, pyarrow as pa, hopsmon
from hopsmon.core.techniques import registry
from hopsmon.testing import check_technique
rng = np.random.default_rng(3)
measured = pa.table({"weight": rng.normal(70, 12, 1000).round(1), "age": rng.integers(18, 80, 1000)})
typed = pa.table({"weight": rng.normal(70, 12, 500).round(-1), "age": rng.integers(18, 80, 500)})
found = hopsmon.compare(measured, typed, techniques=["psi", {"round_share": {"threshold": 0.2}}])
report = check_technique(registry.technique_class("round_share"))
drifted = [(f.feature, f.technique) for f in found.findings if f.is_drift and f.technique == "round_share"]
print(json.dumps({"drifted": drifted, "rules": len(report.checked), "kind": report.kind}))
""",
    )
    told = json.loads(done.stdout or done.stderr)
    assert told == {"drifted": [["weight", "round_share"]], "rules": 13, "kind": "window"}


def test_its_wire_format_is_read_and_may_be_named_in_a_configuration(site: Path) -> None:
    done = python(
        site,
        "-c",
        """
import json, pyarrow as pa
from hopsmon.config.log import LogConfig
from hopsmon.core.payloads import decode
lines = [b"1.5,2", b"no numbers", b"3,4"]
batch = pa.record_batch({"value": pa.array(lines, pa.binary()), "timestamp": pa.array([1, 2, 3], pa.timestamp("us"))})
found = decode(batch, "csv")
config = LogConfig.model_validate({"files": {"path": "events"}, "format": "csv"})
print(json.dumps({
    "values": found.groups[0].columns.values.tolist(),
    "rejects": [(reject.row, reject.reason) for reject in found.rejects],
    "format": config.format,
}))
""",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "values": [[1.5, 2.0], [3.0, 4.0]],
        "rejects": [[1, "bad_shape"]],
        "format": "csv",
    }


def test_a_whole_job_uses_its_format_statistic_and_technique(site: Path, tmp_path: Path) -> None:
    """Through Spark's workers and its state, to the tables."""
    (tmp_path / "events").mkdir()
    rng, hour_ago = np.random.default_rng(3), time.time() - 3600
    measured = pd.DataFrame({"weight": rng.normal(70, 12, 1000).round(1), "age": rng.integers(18, 80, 1000)})
    measured.to_parquet(tmp_path / "train.parquet")
    for number, digits in enumerate((1, -1)):  # in the second file somebody typed the weights
        file = tmp_path / "events" / f"{number}.jsonl"
        lines = [
            f"{weight:.1f},{age}"
            for weight, age in zip(rng.normal(70, 12, 300).round(digits), rng.integers(18, 80, 300), strict=True)
        ]
        file.write_text("\n".join([*lines, "no numbers"]))
        os.utime(file, (hour_ago + 600 * number,) * 2)
    (tmp_path / "monitor.yaml").write_text(
        "{name: weights, model: {name: scale}, log: {files: {path: events}, format: csv}, baseline: {file: base.json}, "
        "window: {size: 5m}, techniques: [{round_share: {threshold: 0.2}}], store: {path: store}}"
    )
    there = partial(_hopsmon, site)
    for words in (
        ("baseline", str(tmp_path / "train.parquet"), "-o", str(tmp_path / "base.json"), "--model", "scale"),
        ("run", str(tmp_path / "monitor.yaml"), "--once"),
    ):
        done = there(*words)
        assert done.returncode == 0, done.stderr
    told = there("show", "drift", "--all", "--json", "--store", str(tmp_path / "store")).stdout
    verdicts = sorted((row["window_start"], row["feature"], row["is_drift"]) for row in json.loads(told))
    assert [verdict[1:] for verdict in verdicts] == [
        ("age", False),
        ("weight", False),
        ("age", False),
        ("weight", True),
    ]
    rejects = json.loads(there("show", "rejects", "--json", "--store", str(tmp_path / "store")).stdout)
    assert [row["reason"] for row in rejects] == ["bad_shape"] * 2

    store = str(tmp_path / "store")
    code = f"import hopsmon; monitor = hopsmon.connect({store!r}).create_monitor({str(tmp_path / 'monitor.yaml')!r})"
    code += "; print(monitor.rebaseline('7d').features['weight'].statistics['round_values'].values)"
    renewed = python(site, "-c", code)
    assert renewed.stdout.split() == ["600"], renewed.stderr


def test_an_unknown_wire_format_names_those_there_are(site: Path) -> None:
    code = "from hopsmon.config.log import check_format; check_format('cvs')"
    assert "Allowed: auto, kserve, hopsworks, hopsmon, csv. Did you mean 'csv'?" in python(site, "-c", code).stderr


def test_a_name_that_is_taken_is_an_error_that_names_both_packages(site: Path, tmp_path: Path) -> None:
    clash = tmp_path / "clash-1.dist-info"
    clash.mkdir()
    (clash / "METADATA").write_text("Metadata-Version: 2.1\nName: clash\nVersion: 1\n")
    (clash / "entry_points.txt").write_text("[hopsmon.techniques]\nround_share = other.package:Other\n")
    both = os.pathsep.join((str(site), str(tmp_path), str(ROOT)))
    code = "import hopsmon.core.techniques.registry as r; r.build('round_share')"
    told = python(site, "-c", code, PYTHONPATH=both).stderr
    assert "Two techniques are named 'round_share'" in told
    assert "(ticklish)" in told
    assert "other.package:Other (clash)" in told
    (clash / "entry_points.txt").write_text("[hopsmon.techniques]\npsi = other.package:Other\n")
    told = python(site, "-c", "import hopsmon.core.techniques.registry as r; r.names()", PYTHONPATH=both).stderr
    assert "Two techniques are named 'psi': one in hopsmon itself, one in other.package:Other (clash)" in told

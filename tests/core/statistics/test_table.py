"""Other packages' statistics join the table by entry points; a clash of names raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hopsmon.core.statistics import table
from hopsmon.core.statistics.counts import Counts
from hopsmon.errors import ConfigError, UnknownNameError

Install = Callable[[str, str], None]

MODULE = """
from hopsmon.core.statistics.counts import Counts

class Other(Counts):
    name = "{name}"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package with a module and an entry point, as pip would lay it out."""

    def add(module: str, name: str) -> None:
        (tmp_path / f"{module}.py").write_text(MODULE.format(name=name))
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[hopsmon.statistics]\nmine = {module}:Other\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        table.statistics_table.cache_clear()

    yield add
    table.statistics_table.cache_clear()


def test_built_in_statistics_need_no_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    assert table.statistic("counts") is Counts
    assert set(table.STATISTICS) <= set(table.statistics_table())


def test_a_package_adds_a_statistic(install: Install) -> None:
    install("hopsmon_extra_one", "extra")
    assert table.statistic("extra").__module__ == "hopsmon_extra_one"


def test_a_clash_of_names_raises(install: Install) -> None:
    install("hopsmon_extra_two", "counts")
    with pytest.raises(
        ConfigError, match=r"Two statistics are named 'counts': hopsmon\..*Counts and hopsmon_extra_two"
    ):
        table.statistics_table()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown statistic 'moment'.*Did you mean 'moments'"):
        table.statistic("moment")

"""What a comparison looks like: text, notebook, page and figures; names are text whatever they contain."""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import hopsmon
from hopsmon.comparison.distributions import Labels, Numbers, distribution_of
from hopsmon.comparison.overview import short
from hopsmon.comparison.plots import apart, svg_of
from hopsmon.core.baseline_builder import build_baseline
from hopsmon.core.schema import ModelRef
from hopsmon.core.statistics.base import FeatureSummary
from hopsmon.errors import ConfigError, OutsideError

EVIL = "<script>alert('x')</script> & $\\frac{x_1}$ --> ]]> \x1b[31m"
LONG = "a_feature_name_" * 12
WINDOWED = ["psi", "ks", "chi2", "null_share"]


def table(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            EVIL: rng.normal(shift, 1, rows),
            LONG: rng.exponential(1 + shift, rows),
            "подпись 注文": rng.choice(["да", "нет", EVIL], rows, p=[0.5, 0.4, 0.1]),
            "": rng.random(rows),
            "many": rng.choice([f"a label with the number {number}" for number in range(60)], rows),
            "constant": np.ones(rows),
            "nulls": np.where(rng.random(rows) < 0.1 + 0.2 * bool(shift), np.nan, rng.random(rows)),
            "empty": np.full(rows, np.nan),
            "wide": rng.standard_cauchy(rows) * 1e6,
            "day": pd.date_range("2024-01-01", periods=rows, freq="h"),
        }
    )


REFERENCE = table(1_500, 1)
CURRENT = table(1_000, 2, shift=1.0)
PLAIN = hopsmon.compare(REFERENCE, CURRENT, techniques=WINDOWED)
TIMED = hopsmon.compare(
    REFERENCE,
    pd.concat([table(1_000, 3), CURRENT], ignore_index=True).assign(
        when=pd.date_range("2024-05-01", periods=2_000, freq="2min")
    ),
    techniques=WINDOWED,
    event_time="when",
    window="8h",
)
QUIET = hopsmon.compare(REFERENCE, table(1_000, 4), techniques=WINDOWED)


@cache
def page_of(result: hopsmon.Comparison) -> str:
    return result.to_html()


class Page(HTMLParser):
    """What a browser would make of the markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_text_says_what_drifted_and_why() -> None:
    text = repr(PLAIN)
    lines = text.splitlines()
    assert re.match(r"\d of 10 features drifted: ", lines[0])
    assert "reference 1,500 rows · current 1,000 rows" in lines[1]
    assert lines[3].split() == ["feature", "technique", "score", "threshold", "p", "verdict", "why"]
    assert "nulls 10% → 30%" in text
    assert "verdicts could not be reached" in text
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 200


def test_the_worst_feature_stands_first() -> None:
    first = PLAIN.root_cause()[0]["feature"]
    frame = PLAIN.to_pandas()
    psi = frame[(frame["technique"] == "psi") & frame["is_drift"]].set_index("feature")["score"]
    assert psi.idxmax() == first


def test_without_drift_it_says_so_in_a_line() -> None:
    assert repr(QUIET).splitlines()[0] == "0 of 10 features drifted"
    assert "<table" not in QUIET._repr_html_()


def test_with_windows_it_says_in_how_many() -> None:
    assert re.search(r"9 windows of 8h, \d with drift", repr(TIMED))
    assert re.search(r"DRIFT \w+, \d/9 windows", repr(TIMED))


@pytest.mark.parametrize("result", [PLAIN, TIMED, QUIET], ids=["plain", "windows", "quiet"])
def test_names_are_text_in_a_notebook_and_on_the_page(result: hopsmon.Comparison) -> None:
    for html in (result._repr_html_(), page_of(result)):
        page = Page(html)
        assert "script" not in {tag for tag, _ in page.tags}
        assert "<script" not in html.lower()
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "alert('x')" in Page(page_of(result)).text


@pytest.mark.parametrize("result", [PLAIN, TIMED], ids=["plain", "windows"])
def test_the_page_needs_nothing_else(result: hopsmon.Comparison) -> None:
    html = page_of(result)
    assert html.startswith("<!doctype html>")
    assert "http:" not in html
    assert "https:" not in html
    loading = {"src", "href", "action", "data"}
    links = [of[name] for _, of in Page(html).tags for name in loading & of.keys()]
    assert not [link for link in links if not (link or "").startswith("data:")]
    references = [of["xlink:href"] for _, of in Page(html).tags if "xlink:href" in of]
    assert all((reference or "").startswith(("#", "data:image/png")) for reference in references)
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert "currentColor" in html
    assert html.count("<svg") == 10 + (result is TIMED)


def test_the_page_holds_every_verdict_and_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    html = PLAIN.to_html(file)
    assert file.read_text("utf-8") == html
    rows = [tag for tag, _ in Page(html).tags if tag == "tr"]
    assert len(rows) == len({(f.feature, f.technique) for f in PLAIN.findings}) + 2  # two headings
    with pytest.raises(OutsideError, match="Cannot write"):
        PLAIN.to_html(tmp_path)


def test_the_same_data_gives_the_same_page() -> None:
    again = hopsmon.compare(REFERENCE, CURRENT, techniques=WINDOWED)
    assert again.to_html() == page_of(PLAIN)


def texts(figure: Figure) -> str:
    return "".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg_of(figure, "test")))


def test_the_overview_has_nine_panels_and_labels() -> None:
    figure = PLAIN.plot()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 9
    told = texts(figure)
    assert "reference" in told
    assert "current" in told
    assert "share of values" in told
    assert "nulls 10% → 30%" in told
    assert "other labels" in told
    assert "…" in told


def test_with_windows_the_overview_shows_drift_over_them() -> None:
    figure = TIMED.plot()
    assert len(figure.axes) == 10
    told = texts(figure)
    assert "Drift over windows" in told
    assert "window start (UTC)" in told
    assert "05-01 00:00" in told


@pytest.mark.parametrize("name", list(REFERENCE.columns))
def test_every_feature_can_be_drawn(name: str) -> None:
    assert len(PLAIN.plot(name).axes) == 1
    figure = TIMED.plot(name)
    assert len(figure.axes) == 2
    png = figure._repr_png_()  # type: ignore[attr-defined]
    assert png.startswith(b"\x89PNG")


def test_a_ready_baseline_is_drawn_from_its_bins() -> None:
    baseline = build_baseline(REFERENCE, ModelRef("m"))
    result = hopsmon.compare(baseline, CURRENT, techniques=["psi"])
    assert "density" in texts(result.plot(LONG))
    assert result.plot()._repr_png_()  # type: ignore[attr-defined]


def test_panels_add_up_to_all_values() -> None:
    for name in (LONG, "wide", "constant"):
        shown = distribution_of(PLAIN.baseline.features[name], PLAIN.current.features[name])
        assert isinstance(shown, Numbers)
        assert shown.reference.sum() + shown.outside[0] == pytest.approx(1)
        assert shown.current.sum() + shown.outside[1] == pytest.approx(1)
        assert shown.outside[0] < 0.02
    labels = distribution_of(PLAIN.baseline.features["many"], PLAIN.current.features["many"])
    assert isinstance(labels, Labels)
    assert (len(labels.names), labels.others) == (8, 52)
    assert distribution_of(FeatureSummary(), FeatureSummary()) is None


def test_long_names_are_cut_in_the_middle_and_stay_apart() -> None:
    assert short("temperature_of_the_outer_wall", 15) == "temperatu…_wall"
    assert short("short", 15) == "short"
    names = [f"the label with number {number}" for number in range(3)]
    assert len(set(apart(names, 12))) == 3


@pytest.mark.parametrize(
    ("package", "use"),
    [("matplotlib", "plot"), ("matplotlib", "to_html"), ("jinja2", "to_html"), ("pandas", "to_pandas")],
)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, package: str, use: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"{package}, which is not installed: pip install 'hopsmon\[report\]'"):
        getattr(PLAIN, use)()

"""docs/techniques/ is what the docstrings say."""

from __future__ import annotations

import re

from hopsmon.core.techniques import registry
from hopsmon.core.techniques.guide import FAMILIES, by_default, family_of, meaning, sections
from tools.technique_docs import FOLDER, escaped, index, outdated


def test_the_pages_are_up_to_date() -> None:
    assert outdated() == [], "run: python tools/technique_docs.py"


def test_every_technique_has_a_page_and_stands_in_the_index() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*registry.BUILT_IN, "README"}
    text = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"[{name}]({name}.md)" in text for name in registry.BUILT_IN)


def test_the_advice_names_techniques_there_are() -> None:
    text = index([registry.describe(name) for name in registry.BUILT_IN])
    advice = text.partition("## Which techniques")[2].partition("\n## ")[0]
    words = set(re.findall(r"`([a-z_0-9]+)`", advice)) - {"threshold", "alpha"}
    assert words <= set(registry.BUILT_IN)
    assert len(advice.splitlines()) < 40  # half a page


def test_every_technique_belongs_to_a_family_and_its_parameters_mean_something() -> None:
    for name in registry.BUILT_IN:
        described = registry.describe(name)
        assert name in FAMILIES[family_of(described)].names
        unexplained = [one.name for one in described.parameters if not meaning(described, one.name)]
        assert not unexplained, f"{name}: say in the docstring what `{unexplained[0]}` is, in backticks"
        assert sections(described).paragraphs


def test_what_runs_by_default_is_said() -> None:
    for name in registry.BUILT_IN:
        assert ("Runs by default" in (FOLDER / f"{name}.md").read_text("utf-8")) == by_default(name)


def test_formulas_survive_markdown() -> None:
    assert escaped("a_b * <c> `d_e*`") == r"a\_b \* &lt;c&gt; `d_e*`"

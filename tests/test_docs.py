"""README, docs/ and the Makefile say what is so."""

import re
import shlex
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from hopsmon.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


def test_the_readme_lists_the_commands_there_are() -> None:
    told = re.findall(r"^\| `hopsmon ([\w-]+)", README, re.MULTILINE)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(told) == {name for name, command in commands.items() if not command.hidden}


def test_the_readme_leads_from_data_to_a_valid_monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = {"origin": ["JFK", "EWR"], "temp": [3.5, 8.0], "late": [0.1, 0.9], "label": [False, True]}
    pq.write_table(pa.table(columns), "train.parquet")
    (baseline,) = re.findall(r"^ +hopsmon (baseline .+)$", README, re.MULTILINE)
    assert CliRunner().invoke(app, shlex.split(baseline)).exit_code == 0
    (config,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    Path("flight-delay.yaml").write_text(textwrap.dedent(config), encoding="utf-8")
    told = CliRunner().invoke(app, ["validate", "flight-delay.yaml"])
    assert told.exit_code == 0, told.output


def test_the_commands_in_the_readme_have_the_arguments_it_gives_them() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = [shlex.split(line) for line in re.findall(r"^ +hopsmon (.+)$", README, re.MULTILINE)]
    assert {name for name, *_ in lines} == {"baseline", "rebaseline", "run", "show"}
    for name, *arguments in lines:
        commands[name].make_context(name, arguments)


def test_the_architecture_has_a_paragraph_for_each_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"^\*\*([\w.]+?)/?\*\*", text, re.MULTILINE)
    there = {
        path.name
        for path in (ROOT / "hopsmon").iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")
    }
    assert set(told) == there


def test_the_layers_in_the_document_stand_in_the_order_of_the_contract() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = [name.removesuffix(".py") for name in re.findall(r"^\*\*([\w.]+?)/?\*\*", text, re.MULTILINE)]
    contract = (ROOT / "setup.cfg").read_text(encoding="utf-8").split("[importlinter:contract:core]")[0]
    lines = re.findall(r"^    (\w+(?: \| \w+)*)$", contract, re.MULTILINE)
    assert told == [name for line in lines for name in line.split(" | ")]


@pytest.mark.parametrize("page", DECISIONS, ids=names(DECISIONS))
def test_a_decision_fits_a_screen_and_says_how_it_was_measured(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
        "## How measured",
    ]
    assert f"({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def test_make_offers_few_commands_and_explains_each() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE)
    assert explained == phony.split()
    assert len(explained) <= 10

"""Writes docs/techniques/: one page a technique, made from its docstring, and the index. `--check` only compares."""

from __future__ import annotations

import argparse
import ast
import doctest
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hopsmon.core.techniques import registry
from hopsmon.core.techniques.guide import FAMILIES, by_default, family_of, meaning, sections
from hopsmon.core.techniques.registry import Description

FOLDER = Path(__file__).parents[1] / "docs" / "techniques"
_COMMAND = "python tools/technique_docs.py"
_KINDS = {"instance": "single instances", "window": "one closed window", "sequence": "a series of windows"}

CHOOSING = """\
## Which techniques should I use?

Start with none of your own: the default set ({default}) finds shifts, new and lost labels, nulls and wrong types,
and is made to be left on. A verdict needs both a size that matters (`threshold`) and more than chance (`alpha`,
corrected for the number of features), so small windows do not cry wolf and large ones do not flag what nobody would
notice. Give the baseline the event time of its data: then what the reference's own hours and weekdays do is no drift.

Then, by what you need:

| you want | use |
|---|---|
| alerts that wake somebody | `e_detector`: looks as often as it likes, and its false alarms stay rare |
| one number a feature that people know | `psi`; for labels and numbers alike also `js`, `hellinger`, `tvd` |
| how far, in the feature's own unit | `wasserstein` with `unit: raw`, `mean_shift` |
| the tails, or a spread that changed | `anderson_darling`, `variance_shift`; `ks` sees the middle best |
| labels: any change, new ones, lost ones | `chi2` or `g_test`, `unseen_categories`, `vanished_categories` |
| broken pipelines | `null_share`, `range`, `unseen_category` |
| features that are each fine but no longer go together | `domain_classifier`, `pca_reconstruction`, `mmd` |
| single requests to look at | `z_score` and `range` (cheap), `mahalanobis`, `isolation_forest`, `knn_distance` |
| an error rate or a score followed over time | `adwin`, `page_hinkley`, `hddm` |
| a rule that somebody has agreed on (mean at most 5 % off) | `statistic_change`: a difference and a threshold |
| the numbers you had before | `hopsmon.compare(…, convention="evidently")`, or nannyml, deequ, tfdv, hopsworks |

Several distances on one feature say the same thing several times: choose one. A technique with parameters is a
mapping of one key, `{{"psi": {{"threshold": 0.2}}}}`, in YAML and Python alike. One that looks at each feature alone
can be told which, and stand twice under another name: `{{"psi": {{"as": "psi_of_prices", "features": ["price"]}}}}`.
One of your own is a class in a package of yours; [examples/custom_technique](../../examples/custom_technique/README.md)
shows all of it.

## Where thresholds come from

A technique's threshold is its default, or the one you give. Where the baseline has windows of its own (its data had an
event time), a window technique is also asked how it scores those, and the larger of its threshold and of what follows
from these scores counts. How it follows, `threshold_rule` says, a key of the monitor and an argument of
`hopsmon.compare`:

| rule | the threshold |
|---|---|
| `room` | the largest score and four standard deviations of the scores; the default |
| `mean_3sd` | their mean and three standard deviations, as NannyML has it |
| `quantile` | their 99 % quantile: one window in a hundred lies above, for each feature |

The last two find smaller drifts, and alarm more often the more features there are. A finding whose threshold came from
the rule says so in its details: `band_rule`, `band_windows` (how many windows) and `fixed_threshold` (the technique's).

## When many questions are asked

Of many features some look like drift by chance, and so do some slices, windows and monitors. `correction`, a key of the
monitor and an argument of `hopsmon.compare`, says over which of them the share of false findings is held, technique by
technique; `p_adjusted` shows it.

| correction | over | if features depend on each other |
|---|---|---|
| `benjamini_hochberg`, the default | the features of a window | holds if they move together, as most do |
| `bonferroni` | the same, and it is the chance of even one that is held | holds |
| `e_bh` | the features of all slices of a window together; all traffic on its own | holds |
| `lord`, `saffron` | the features of all windows of a slice so far | for independent ones |
| `e_lond` | the same | holds |

`e_bh` and `e_lond` turn a p-value into e = 1 / (2 √p), which costs small drifts: of 30 features, one alone is found
from p = 3 · 10⁻¹² where `alpha` is 0.0001, with Benjamini-Hochberg from 3 · 10⁻⁶. The e-detector needs no correction
over features and windows; over the slices of a window its alarms are e-BH's, always. Over all monitors of a store,
`store.standing(level=0.05, since=…)` asks e-BH of what they have written
([decision 13](../decisions/0013-e-bh-over-monitors-is-asked-of-what-they-wrote.md)).
"""


def pages() -> dict[str, str]:
    """Every page by its file name."""
    described = [registry.describe(name) for name in registry.BUILT_IN]
    return {f"{one.name}.md": page(one) for one in described} | {"README.md": index(described)}


def page(described: Description) -> str:
    """The page of one technique."""
    parts = sections(described)
    family = FAMILIES[family_of(described)]
    lines = [_made_by(), f"# {described.name}", "", f"{escaped(described.title)}", ""]
    lines += [
        f"{family.title}: looks at {_KINDS[described.kind]}. "
        + ("Runs by default." if by_default(described.name) else "Runs where it is named.")
        + (f" Reads: {', '.join(described.needs)}." if described.needs else ""),
        "",
    ]
    for paragraph in parts.paragraphs:
        lines += [escaped(paragraph), ""]
    lines += _parameters(described)
    if parts.example:
        lines += ["## Example", "", "```python", *_imports(described, parts.example), parts.example, "", "```", ""]
    lines += ["[All techniques](README.md)", ""]
    return "\n".join(lines)


def _parameters(described: Description) -> list[str]:
    if not described.parameters:
        return ["It has no parameters.", ""]
    rows = [
        f"| `{one.name}` | {one.type} | `{one.default}` | {escaped(meaning(described, one.name))} |"
        for one in described.parameters
    ]
    return ["## Parameters", "", "| name | type | default | meaning |", "|---|---|---|---|", *rows, ""]


def _imports(described: Description, example: str) -> list[str]:
    """What the example takes for granted in its own module: the page must run by itself."""
    kind: Any = registry.technique_class(described.name)
    module = sys.modules[kind.__module__]
    code = "".join(step.source for step in doctest.DocTestParser().get_examples(example))
    tree = ast.parse(code)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, _IMPORTS) for alias in node.names}
    return [_import(name, module) for name in sorted(used - own) if hasattr(module, name)]


_IMPORTS = (ast.Import, ast.ImportFrom)


def _import(name: str, module: ModuleType) -> str:
    value = getattr(module, name)
    if isinstance(value, ModuleType):
        return f">>> import {value.__name__}" + (f" as {name}" if value.__name__ != name else "")
    home = getattr(value, "__module__", module.__name__)
    known = home if hasattr(sys.modules.get(home), name) else module.__name__
    return f">>> from {known} import {name}"


def index(described: list[Description]) -> str:
    """The page that lists all of them."""
    default = ", ".join(f"`{name}`" for name in registry.DEFAULT_TECHNIQUES)
    lines = [_made_by(), "# Techniques", "", CHOOSING.format(default=default)]
    for name, family in FAMILIES.items():
        members = [one for one in described if family_of(one) == name]
        if not members:
            continue
        lines += [f"## {family.title}", "", f"A verdict is about {family.looks_at}.", ""]
        lines += ["| technique | what it finds | default |", "|---|---|---|"]
        lines += [
            f"| [{one.name}]({one.name}.md) | {escaped(one.title)} | {'yes' if by_default(one.name) else ''} |"
            for one in members
        ]
        lines.append("")
    return "\n".join(lines)


def _made_by() -> str:
    return f"<!-- Made by `{_COMMAND}` from the docstrings; edit those. -->"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; what stands in backticks stays."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _escape(part) for part in parts)


def _escape(text: str) -> str:
    return re.sub(r"([\\*_\[\]|#])", r"\\\1", text).replace("<", "&lt;").replace(">", "&gt;")


def outdated(folder: Path = FOLDER) -> list[str]:
    """Pages that are missing, differ, or belong to no technique."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> None:
    """Write the pages, or with --check say which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where a page is out of date")
    only_check = parser.parse_args().check
    changed = outdated()
    if only_check:
        if changed:
            sys.exit(f"Out of date: {', '.join(changed)}. Run: {_COMMAND}")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name in changed:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    print(f"{FOLDER}: {len(changed)} of {len(wanted)} pages changed")


if __name__ == "__main__":
    main()

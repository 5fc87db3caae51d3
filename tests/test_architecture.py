"""The rules of docs/architecture.md that a machine can hold."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import hopsmon

ROOT = Path(__file__).parents[1]
HEAVY = ("deltalake", "kafka", "narwhals", "numpy", "pandas", "polars", "py4j", "pyarrow", "pyspark")
MOST_LINES_OF_A_MODULE = 300
MOST_LINES_OF_A_FUNCTION = 40  # of code; a docstring may take what it needs


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def in_a_fresh_interpreter(code: str) -> object:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_imports_keep_the_contracts_of_setup_cfg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)  # it would silence all loggers there are by now
    assert lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_importing_hopsmon_loads_neither_spark_nor_any_sdk() -> None:
    loaded = in_a_fresh_interpreter("import json, sys, hopsmon; print(json.dumps(sorted(sys.modules)))")
    assert isinstance(loaded, list)
    assert "hopsmon" in loaded
    assert not [name for name in HEAVY if name in loaded]


def test_the_visible_names_are_the_promised_ones() -> None:
    code = "import json, hopsmon; print(json.dumps([name for name in vars(hopsmon) if not name.startswith('_')]))"
    visible = in_a_fresh_interpreter(code)
    assert isinstance(visible, list)
    assert set(visible) <= set(hopsmon.__all__)
    assert list(hopsmon.__all__) == sorted(hopsmon.__all__)
    assert all(getattr(hopsmon, name) is not None for name in hopsmon.__all__)
    assert set(hopsmon.__all__) <= set(dir(hopsmon))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(hopsmon, "no_such_name")


def test_every_module_says_what_it_is_for_and_fits_a_few_screens() -> None:
    offenders = []
    for path in modules("hopsmon", "benchmarks", "tools"):
        text = path.read_text(encoding="utf-8")
        if not ast.get_docstring(ast.parse(text)):
            offenders.append(f"{path.relative_to(ROOT)} has no docstring")
        if (lines := len(text.splitlines())) > MOST_LINES_OF_A_MODULE:
            offenders.append(f"{path.relative_to(ROOT)} has {lines} lines")
    assert not offenders


def test_no_function_is_longer_than_a_screen() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {node.name} has {lines} lines of code"
        for path in modules("hopsmon", "benchmarks", "tools")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := code_lines(node)) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not offenders


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_the_settings_name_no_package_index() -> None:
    """A clone must work behind any mirror."""
    settings = [ROOT / name for name in ("pyproject.toml", "setup.cfg", "constraints.txt", "Makefile", ".ci/run")]
    assert not [path.name for path in settings if "://" in path.read_text(encoding="utf-8")]

"""Golden files: what is expected, as text a person can read. `UPDATE_GOLDEN=1` writes them; then read the diff."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert file.is_file(), f"{file} does not exist: UPDATE_GOLDEN=1 writes it"
    assert text == file.read_text("utf-8")

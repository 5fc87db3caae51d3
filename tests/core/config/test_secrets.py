"""Secrets stand in a configuration by reference only, and no message, representation or file repeats one."""

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopsmon import wiring
from hopsmon.config import ConfigProblems, MonitorConfig
from hopsmon.config.secrets import refuse_plain_secret
from hopsmon.errors import ConfigError
from tests.core.config.examples import FULL
from tests.goldens import GOLDEN

SECRET = "hunter2"


def test_no_golden_message_repeats_the_secret() -> None:
    said = (GOLDEN / "config-errors" / "secrets.txt").read_text("utf-8")
    assert SECRET in (GOLDEN / "config-errors" / "secrets.yaml").read_text("utf-8")
    assert SECRET not in said
    assert said.count("holds a secret in plain text (not shown)") == 5


def test_not_even_a_traceback_repeats_it() -> None:
    text = (GOLDEN / "config-errors" / "secrets.yaml").read_text("utf-8")
    with pytest.raises(ConfigProblems) as caught:
        MonitorConfig.from_yaml(text)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "key",
    [
        "kafka.sasl.password",
        "kafka.ssl.truststore.password",
        "kafka.ssl.keystore.password",
        "kafka.ssl.key.password",
        "kafka.ssl.keystore.key",
        "kafka.sasl.oauthbearer.client.credentials.client.secret",
        "kafka.basic.auth.user.info",
    ],
)
def test_secret_keys_take_references_only(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_plain_secret(key, SECRET)
    assert SECRET not in str(caught.value)
    assert "env:NAME" in str(caught.value)
    assert refuse_plain_secret(key, "env:KAFKA_SECRET") == "env:KAFKA_SECRET"
    assert refuse_plain_secret(key, "file:/run/secrets/kafka") == "file:/run/secrets/kafka"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kafka.security.protocol", "SASL_SSL"),
        ("kafka.ssl.truststore.location", "/etc/trust.jks"),
        ("kafka.ssl.keystore.location", "/etc/key.jks"),
        (
            "kafka.sasl.jaas.config",
            'com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/k" principal="p";',
        ),
    ],
)
def test_what_is_no_secret_passes(key: str, value: str) -> None:
    assert refuse_plain_secret(key, value) == value


def test_references_are_resolved_late_and_only_the_source_has_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    config = MonitorConfig.from_yaml(FULL)
    monkeypatch.setenv("JAAS", SECRET)
    source = wiring.log_of(config).source
    assert source.options["kafka.sasl.jaas.config"] == SECRET  # type: ignore[attr-defined]
    assert SECRET not in repr(source)
    assert SECRET not in source.identity
    assert SECRET not in repr(config) + str(config) + config.to_yaml()
    assert "env:JAAS" in config.to_yaml()


def test_a_secret_in_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert wiring.resolve_secret(f"file:{tmp_path / 'secret'}") == SECRET


def test_references_that_lead_nowhere_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="environment variable NONE is not set"):
        wiring.resolve_secret("env:NONE", {})
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        wiring.resolve_secret(f"file:{tmp_path / 'none'}")


@given(st.text(min_size=1).filter(lambda text: not text.startswith(("env:", "file:"))))
def test_no_plain_text_is_a_reference(text: str) -> None:
    assert wiring.resolve_secret(text, {}) == text
    with pytest.raises(ConfigError):
        refuse_plain_secret("kafka.sasl.password", text)

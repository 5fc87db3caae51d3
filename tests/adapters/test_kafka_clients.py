import ssl

import pytest

from hopsmon.adapters.kafka.clients import NotForPython, client_settings


def test_options_about_security_become_kafka_pythons():
    settings = client_settings(
        {
            "kafka.security.protocol": "sasl_plaintext",
            "kafka.sasl.mechanism": "SCRAM-SHA-512",
            "kafka.sasl.jaas.config": r'a.b.ScramLoginModule required username="ann" password="q\"u;o\\te";',
            "kafka.max.poll.records": "5",
        }
    )

    assert settings == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": 'q"u;o\\te',
    }


def test_without_options_the_connection_is_plain():
    assert client_settings({}) == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    ("algorithm", "checked"), [({}, True), ({"kafka.ssl.endpoint.identification.algorithm": ""}, False)]
)
def test_tls_verifies_the_server(algorithm, checked):
    settings = client_settings({"kafka.security.protocol": "SSL", **algorithm})

    assert settings["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert settings["ssl_check_hostname"] is checked


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"kafka.security.protocol": "SSL", "kafka.ssl.truststore.location": "/x.jks"}, "a truststore of type JKS"),
        ({"kafka.security.protocol": "SASL_SSL", "kafka.sasl.mechanism": "OAUTHBEARER"}, "OAUTHBEARER"),
        ({"kafka.security.protocol": "SASL_SSL", "kafka.sasl.mechanism": "PLAIN"}, "without username and password"),
    ],
)
def test_what_kafka_python_cannot_do_is_named(options, what):
    with pytest.raises(NotForPython, match=what):
        client_settings(options)

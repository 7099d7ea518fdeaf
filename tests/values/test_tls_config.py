"""TLSConfig as a value: what it accepts, refuses and shows; TLS itself is tested elsewhere."""

import copy
import pathlib
import pickle
import ssl
from typing import Any

import pytest

from aiowebsocket.tls import TLSConfig

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EVERYTHING: dict[str, Any] = {
    "ca_file": "ca.pem",
    "ca_data": PEM,
    "cert_file": "client.pem",
    "key_file": "client.key",
    "verify": False,
    "server_hostname": "example.com",
    "min_version": "TLSv1.3",
}


def test_the_defaults_verify_everything() -> None:
    config = TLSConfig()
    assert config.verify is True
    for name in EVERYTHING.keys() - {"verify"}:
        assert getattr(config, name) is None


def test_every_option_can_be_read_back() -> None:
    config = TLSConfig(**EVERYTHING)
    for name, value in EVERYTHING.items():
        assert getattr(config, name) == (PEM.encode() if name == "ca_data" else value)


def test_options_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        TLSConfig("ca.pem")  # type: ignore[call-arg]


def test_a_path_may_be_a_path_object() -> None:
    config = TLSConfig(ca_file=pathlib.Path("ca.pem"), cert_file=pathlib.Path("client.pem"))
    assert config == TLSConfig(ca_file="ca.pem", cert_file="client.pem")


@pytest.mark.parametrize(
    ("name", "version"),
    [("TLSv1.2", ssl.TLSVersion.TLSv1_2), ("TLSv1.3", ssl.TLSVersion.TLSv1_3)],
)
def test_a_version_may_be_a_name_or_the_ssl_modules(name: str, version: Any) -> None:
    config = TLSConfig(min_version=version)
    assert config.min_version == name
    assert config == TLSConfig(min_version=name)
    assert hash(config) == hash(TLSConfig(min_version=name))


@pytest.mark.parametrize(
    "version",
    [
        "TLSv1.1",
        "1.3",
        "",
        "TLSv1_3",
        ssl.TLSVersion.TLSv1_1,
        ssl.TLSVersion.MINIMUM_SUPPORTED,
    ],
)
def test_an_unknown_version_is_refused_by_value(version: Any) -> None:
    with pytest.raises(ValueError, match=r"neither 'TLSv1\.2' nor 'TLSv1\.3'") as caught:
        TLSConfig(min_version=version)
    assert repr(version) in str(caught.value)


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "server_hostname", "ca_data"])
def test_an_empty_value_is_refused(name: str) -> None:
    empty: dict[str, Any] = {name: ""}
    with pytest.raises(ValueError, match=name):
        TLSConfig(**empty)


@pytest.mark.parametrize("name", ["example.com\0", "example.com\r\n", "\x1b"])
def test_a_host_name_with_control_characters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        TLSConfig(server_hostname=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ca_file", 7),
        ("ca_file", b"ca.pem"),
        ("ca_data", ["PEM"]),
        ("ca_data", pathlib.Path("ca.pem")),
        ("cert_file", ("client.pem", "client.key")),
        ("verify", None),
        ("verify", 0),
        ("verify", ssl.CERT_NONE),
        ("server_hostname", b"example.com"),
        ("min_version", 1.3),
        ("min_version", ssl.PROTOCOL_TLS_CLIENT),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name) as caught:
        TLSConfig(**{name: value})
    assert type(value).__name__ in str(caught.value)


def test_a_file_given_to_verify_is_sent_to_ca_file() -> None:
    with pytest.raises(TypeError, match="ca_file"):
        TLSConfig(verify="/etc/ssl/ca.pem")  # type: ignore[arg-type]


def test_a_key_without_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="key_file is given without cert_file"):
        TLSConfig(key_file="client.key")


def test_a_missing_file_is_found_when_connecting_only() -> None:
    assert TLSConfig(ca_file="/nowhere/ca.pem").ca_file == "/nowhere/ca.pem"


def test_only_what_differs_from_the_defaults_is_shown() -> None:
    assert repr(TLSConfig()) == "TLSConfig()"
    assert repr(TLSConfig(verify=True, ca_file="ca.pem")) == "TLSConfig(ca_file='ca.pem')"


def test_verification_switched_off_is_shown() -> None:
    assert repr(TLSConfig(verify=False)) == "TLSConfig(verify=False)"


def test_the_authorities_data_is_shown_by_its_size() -> None:
    assert repr(TLSConfig(ca_data=b"12345")) == "TLSConfig(ca_data=<5 bytes>)"


@pytest.mark.parametrize("name", sorted(EVERYTHING.keys() - {"key_file"}))
def test_configurations_are_equal_if_all_options_are(name: str) -> None:
    config = TLSConfig(**{name: EVERYTHING[name]})
    assert config == TLSConfig(**{name: EVERYTHING[name]})
    assert hash(config) == hash(TLSConfig(**{name: EVERYTHING[name]}))
    assert config != TLSConfig()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_configuration_survives_pickle_and_copy(protocol: int) -> None:
    config = TLSConfig(**EVERYTHING)
    assert pickle.loads(pickle.dumps(config, protocol)) == config
    assert copy.copy(config) == copy.deepcopy(config) == config


@pytest.mark.parametrize("name", ["verify", "anything"])
def test_a_configuration_is_immutable(name: str) -> None:
    config = TLSConfig()
    with pytest.raises(AttributeError, match="immutable"):
        setattr(config, name, False)
    with pytest.raises(AttributeError, match="immutable"):
        delattr(config, name)
    assert config == TLSConfig()

import pytest

from llmkeys.net.network import AddressRefusedError, Network, check_proxy, check_target

OPEN = Network()
PRIVATE = Network(allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://[::1]/v1",
        "https://[::ffff:127.0.0.1]/v1",
        "https://[::ffff:7f00:1]/v1",
        "https://[64:ff9b::7f00:1]/v1",
        "https://127.0.0.1./v1",
        "https://10.0.0.1:8443/v1",
        "https://localhost/v1",
        "https://api.localhost/v1",
        "https://LOCALHOST./v1",
        "https://①②⑦.0.0.1/v1",
        "https://127。0。0。1/v1",
        "http://api.example.com/v1",
        "http://1.1.1.1/v1",
    ],
)
def test_a_url_that_points_inside_is_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_target(url, OPEN)


@pytest.mark.parametrize(
    "url",
    [
        "https://0177.0.0.1/v1",
        "https://2130706433/v1",
        "https://0x7f000001/v1",
        "https://0x7f.0.0.1/v1",
        "https://127.1/v1",
        "https://127.0.0.0x1/v1",
        "https://169.254.169.254/latest",
        "https://[fe80::1%25eth0]/v1",
        "https://user:pass@api.example.com/v1",
        "https://user@api.example.com/v1",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "unix:///run/docker.sock",
        "api.example.com/v1",
        "https:///v1",
        "https://[::1/v1",
        "",
        "http://1.1.1.1/v1",
        "http://169.254.169.254/latest",
    ],
)
def test_is_refused_even_where_private_addresses_are_allowed(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_target(url, PRIVATE)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v1", "https://1.1.1.1/v1", "https://[2606:4700::1111]/", "https://1password.com/"]
)
def test_a_public_https_url_is_admitted(url: str) -> None:
    assert not check_target(url, OPEN).cleartext


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434/api", "http://ollama.models.svc:11434", "http://[::1]:1/"])
def test_plain_http_is_admitted_where_private_addresses_are(url: str) -> None:
    assert check_target(url, PRIVATE).cleartext


def test_plain_http_to_a_name_through_a_proxy_is_refused_because_the_proxy_resolves_it() -> None:
    proxied = Network(proxy="http://10.0.0.1:3128", allow_private=True)
    with pytest.raises(AddressRefusedError):
        check_target("http://ollama.models.svc:11434", proxied)
    assert check_target("http://10.0.0.2:11434", proxied).cleartext


def test_a_proxy_is_judged_like_any_other_address() -> None:
    with pytest.raises(AddressRefusedError):
        check_proxy("http://10.0.0.1:3128", cleartext=False, allow_private=False)
    with pytest.raises(AddressRefusedError):
        check_proxy("http://user:pass@proxy.example.com", cleartext=False, allow_private=True)
    with pytest.raises(AddressRefusedError):
        check_proxy("socks5://10.0.0.1:1080", cleartext=False, allow_private=True)
    with pytest.raises(AddressRefusedError):
        check_proxy("http://1.1.1.1:3128", cleartext=True, allow_private=True)
    assert check_proxy("http://10.0.0.1:3128", cleartext=False, allow_private=True).port == 3128


def test_the_refusal_says_nothing_of_the_url() -> None:
    with pytest.raises(AddressRefusedError) as caught:
        check_target("https://user:canary@10.0.0.1/canary", OPEN)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_bundle_is_not_part_of_what_a_network_prints() -> None:
    assert "PEM" not in repr(Network(ca_bundle="PEM"))

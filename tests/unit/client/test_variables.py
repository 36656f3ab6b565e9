import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.catalogue.loader import load
from llmkeys.client.errors import NotExpressibleError
from llmkeys.client.variables import env_file, variables_of

NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True).map(lambda name: f"X{name}")
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0'"), min_size=1).filter(
    lambda text: "\r\n" not in text
)


def as_the_kubelet_reads(file: bytes) -> dict[str, str]:
    """What pkg/kubelet/util/env does, in other words: lines without their end, a value from quote to quote."""
    found: dict[str, str] = {}
    lines = iter(line.removesuffix("\r") for line in file.decode().removesuffix("\n").split("\n"))
    for line in lines:
        if not line.strip(" \t") or line.lstrip(" \t").startswith("#"):
            continue
        name, equals, rest = line.partition("=")
        assert equals
        assert rest.startswith("'")
        value, quote, after = rest[1:].partition("'")
        while not quote:
            more, quote, after = next(lines).partition("'")
            value += "\n" + more
        assert not after.strip(" \t")
        found.setdefault(name, value)
    return found


@settings(deadline=None)
@given(content=st.dictionaries(NAMES, VALUES))
def test_the_kubelet_reads_what_was_written(content: dict[str, str]) -> None:
    file = env_file({name: value.encode() for name, value in content.items()})
    assert as_the_kubelet_reads(file) == content


@settings(max_examples=20, deadline=None)
@given(content=st.dictionaries(NAMES, VALUES, min_size=1))
def test_a_shell_reads_the_same(content: dict[str, str]) -> None:
    file = env_file({name: value.encode() for name, value in content.items()})
    script = file + b"".join(b'printf "%%s\\0" "$%s"\n' % name.encode() for name in content)
    read = subprocess.run(["/bin/sh"], input=script, capture_output=True, check=True)
    assert read.stdout.decode().split("\0")[:-1] == list(content.values())


@pytest.mark.parametrize(
    "value",
    [b"", b"it's", b"a\r\nb", b"\xff", b"a\0b", b"x" * 65535],
    ids=["empty", "quote", "carriage return", "binary", "NUL", "long line"],
)
def test_a_value_that_the_file_cannot_hold_is_said_and_not_shown(value: bytes) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        env_file({"OPENAI_API_KEY": value})
    assert "OPENAI_API_KEY" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "it's" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "SHELL", "HOSTNAME", "ENV", "IFS", "BASH_ENV", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS"),
        *("JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB", "GODEBUG", "LD_PRELOAD"),
        *("DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP", "GIT_SSH_COMMAND", "KUBERNETES_SERVICE_HOST"),
        *("HTTPS_PROXY", "https_proxy", "SSLKEYLOGFILE", "SSL_CERT_FILE", "LLMKEYS_CA", "GLIBC_TUNABLES"),
    ],
)
def test_a_name_that_changes_how_programs_start_is_refused(name: str) -> None:
    with pytest.raises(NotExpressibleError, match=name):
        variables_of({"OPENAI_API_KEY": b"k", name: b"v"})


@pytest.mark.parametrize("name", ["", "credentials.json", ".env", "1A", "A=B", "A\n", "Ä", "A B"])
def test_what_is_no_name_of_a_variable_is_refused(name: str) -> None:
    with pytest.raises(NotExpressibleError):
        variables_of({name: b"v"})


def test_every_variable_of_the_catalogue_can_be_set() -> None:
    names = {
        name
        for provider in load().providers.values()
        for one in (*provider.secret_fields, *provider.config_fields)
        for name in one.env
        if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
    }
    assert len(names) > 10
    variables_of(dict.fromkeys(names, b"v"))

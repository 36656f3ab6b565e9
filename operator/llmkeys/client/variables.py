"""Environment variables out of an envelope: which names may be set, and the file that the kubelet reads them from."""

import re
from collections.abc import Mapping
from typing import Final

from llmkeys.api.env_file import problem_of
from llmkeys.client.errors import NotExpressibleError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# As the schema of LLMCredential refuses them, and some more: an envelope is judged by what it holds.
_CHANGES_HOW_PROGRAMS_START: Final = re.compile(
    r"PATH|HOME|SHELL|HOSTNAME|ENV|IFS|BASH_ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|ZDOTDIR|"
    r"NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS|CLASSPATH|"
    r"PERL5OPT|PERL5LIB|PERL5DB|RUBYOPT|RUBYLIB|GODEBUG|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RES_OPTIONS|"
    r"GLIBC_TUNABLES|MALLOC_.*|OPENSSL_.*|SSL_CERT_.*|SSLKEYLOGFILE|LD_.*|DYLD_.*|PYTHON.*|GIT_.*|KUBERNETES_.*|"
    r"LLMKEYS_.*|.*_PROXY",
    re.IGNORECASE,
)


def variables_of(content: Mapping[str, bytes]) -> dict[str, bytes]:
    """All of it as variables, in the order of their names.

    Raises:
        NotExpressibleError: a name is no variable's, or changes how programs start, or a value holds a NUL.

    """
    for name, value in content.items():
        if not _NAME.fullmatch(name):
            raise NotExpressibleError(f'"{_shown(name)}" is a file, no variable. Use: llmkeys unseal --format files.')
        if _CHANGES_HOW_PROGRAMS_START.fullmatch(name):
            raise NotExpressibleError(
                f"{name} is not set: it changes how programs start. Rename it in the credential's spec.target.data."
            )
        if b"\0" in value:
            raise NotExpressibleError(f"{name} holds a NUL, which no variable can. Use --format files.")
    return dict(sorted(content.items()))


def env_file(content: Mapping[str, bytes]) -> bytes:
    """A file for `fileKeyRef`: NAME='value' lines, the value taken literally, over several lines if need be.

    A shell that sources the file reads the same values as the kubelet.

    Raises:
        NotExpressibleError: a name or value cannot be written so.

    """
    lines = []
    for name, value in variables_of(content).items():
        if problem := problem_of(name, value):
            raise NotExpressibleError(f"{name} {problem}. Use --format files or json, or llmkeys exec.")
        lines.append(b"%s='%s'\n" % (name.encode(), value))
    return b"".join(lines)


def _shown(name: str) -> str:
    return "".join(character for character in name[:80] if character.isprintable())

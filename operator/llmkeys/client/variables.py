"""Environment variables out of an envelope: which names may be set, and the file that the kubelet reads them from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Carried:
    """What an env file can carry of a content.

    Args:
        text: of the file.
        problems: a sentence for each variable that is not in it. What is a file by its name is none.

    """

    text: bytes = field(repr=False)
    problems: tuple[str, ...]


def carried_by_env_file(content: Mapping[str, bytes]) -> Carried:
    """An env file of all that can be in one; the rest is for files."""
    variables = {name: value for name, value in content.items() if _NAME.fullmatch(name)}
    problems = {name: why for name, value in sorted(variables.items()) if (why := _why_not(name, value))}
    rest = {name: value for name, value in variables.items() if name not in problems}
    told = tuple(f"{name} {why}: it is only in the file {name}" for name, why in problems.items())
    return Carried(env_file(rest), told)


def _why_not(name: str, value: bytes) -> str:
    if _CHANGES_HOW_PROGRAMS_START.fullmatch(name):
        return "changes how programs start"
    return "holds a NUL, which no variable can" if b"\0" in value else problem_of(name, value)


def _shown(name: str) -> str:
    return "".join(character for character in name[:80] if character.isprintable())

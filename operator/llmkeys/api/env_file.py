"""What an env file can carry: the file from which the kubelet reads variables by `fileKeyRef`."""

from typing import Final

# bufio.Scanner's limit for a line, line end included: https://pkg.go.dev/bufio#MaxScanTokenSize
_LONGEST_LINE: Final = 64 * 1024 - 2


def problem_of(name: str, value: bytes) -> str:
    """Why a variable has no place in an env file; empty if it has.

    The kubelet's parser (pkg/kubelet/util/env, Kubernetes 1.35) knows no way to write a single quote, drops a carriage
    return at the end of a line, takes an empty value for a missing one, and reads lines of up to 64 KiB.

    Args:
        name: of the variable.
        value: its bytes.

    Returns:
        the rest of a sentence that begins with the variable, such as "holds a single quote, which an env file cannot".

    """
    try:
        value.decode()
    except UnicodeDecodeError:
        return "is no UTF-8 text"
    if not value:
        return "is empty, which the kubelet takes for missing in an env file"
    if b"'" in value:
        return "holds a single quote, which an env file cannot"
    if b"\r\n" in value:
        return "holds a carriage return at the end of a line, which is lost in an env file"
    longest = max(len(line) for line in value.split(b"\n"))
    return "has a line over 64 KiB, which an env file cannot" if len(name) + longest + 3 > _LONGEST_LINE else ""

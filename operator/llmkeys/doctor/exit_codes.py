"""What the end of the init container means: exit codes of `llmkeys unseal` and of the kubelet."""

from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """Of an exit code.

    Args:
        words: a sentence.
        help: a command with the places `{namespace}`, `{credential}`, `{account}` and
            `{workload}`; empty if there is none.

    """

    words: str
    help: str = ""


_CREDENTIAL: Final = "llmkeys status {namespace}/{credential}"
_GRANT: Final = (
    "llmkeys manifest rolebinding {credential} -n {namespace} --service-account {account} | kubectl apply -f -"
)
_RESTART: Final = "kubectl rollout restart {workload} -n {namespace}"
_DOCTOR: Final = "llmkeys doctor"

MEANINGS: Final[dict[int, Meaning]] = {
    1: Meaning("It failed for a reason of its own."),
    2: Meaning("An option or a variable of the init container is missing or wrong: was it written by hand?"),
    10: Meaning("No envelope is mounted: no key is proven yet, or it is withdrawn.", _CREDENTIAL),
    11: Meaning("No token is mounted: the volume llmkeys-sealed has no serviceAccountToken."),
    12: Meaning("The pod's token is not accepted; the kubelet renews the one in its projected volume.", _DOCTOR),
    13: Meaning("The token is for another audience than llmkeys.dev."),
    14: Meaning("The pod's service account may not have the credential opened.", _GRANT),
    15: Meaning("The credential is withdrawn, disabled, or delivered in another form now.", _CREDENTIAL),
    16: Meaning("There is no such credential, or the envelope was made for another one.", _CREDENTIAL),
    17: Meaning("Only an outdated envelope is mounted; the kubelet renews it within about a minute.", _DOCTOR),
    18: Meaning("The envelope does not open: the Secret was changed. The operator heals it.", _CREDENTIAL),
    19: Meaning("The private key for an envelope to recipients is missing or another's."),
    20: Meaning("The unsealer did not answer in time: its pods, its Service, network policies.", _DOCTOR),
    21: Meaning("The unsealer's certificate is not trusted: the pod was made with a CA of before.", _RESTART),
    22: Meaning("The unsealer's answer is not understood: it is of another version.", _DOCTOR),
    30: Meaning("The memory volume is full."),
    31: Meaning("The output cannot be written."),
    32: Meaning("A value cannot travel as a variable; deliver it as a file.", _CREDENTIAL),
    # Of signals (POSIX shells: 128 and the signal's number), as the kubelet reports them.
    137: Meaning("It was killed: too little memory (inject.resources of the chart), or the pod was ended."),
    143: Meaning("It was told to end."),
}

_UNKNOWN: Final = Meaning("It ended with a code that this version does not know.")


def meaning_of(code: int) -> Meaning:
    """What an exit code says."""
    return MEANINGS.get(code, _UNKNOWN)

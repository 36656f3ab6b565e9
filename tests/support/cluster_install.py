"""Put the product's CRDs, roles and policies on an API server, as a person does who installs it."""

from pathlib import Path

from tests.support.cluster import ControlPlane

ROOT = Path(__file__).resolve().parents[2]

_APPLY = ("apply", "--server-side", "--field-manager=llmkeys-install")


def install(plane: ControlPlane, root: Path = ROOT) -> None:
    """Apply `crds/` and `config/`, and return when the API server serves the kinds.

    Raises:
        subprocess.CalledProcessError: kubectl refuses; the error's notes hold its words.

    """
    crds = root / "crds"
    plane.kubectl(*_APPLY, "-f", crds)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", crds)
    plane.kubectl(*_APPLY, "-k", root / "config")

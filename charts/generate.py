# ruff: noqa: INP001  run as python -m charts.generate
"""Write the chart's templates that follow from config/ and crds/: `make chart`.

Roles, policies and kinds are written once, as plain manifests. Here they become templates: the namespace is the
release's, labels are added, and those that are not always wanted stand under a condition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from llmkeys import __version__
from llmkeys.api.names import COMPONENT, DEFAULT_NAMESPACE

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATES: Final = ROOT / "charts" / "llmkeys" / "templates"

_NAMESPACE: Final = "{{ $.Release.Namespace }}"
_LABELS: Final = '    {{- include "llmkeys.labels" $ | nindent 4 }}'
# In the labels of the chart already.
_NAME_LABEL: Final = "    app.kubernetes.io/name: llmkeys"
_TOP_LEVEL: Final = re.compile(r"^[A-Za-z-]")


@dataclass(frozen=True, slots=True)
class Template:
    """A file of the chart that is made from a plain manifest.

    Args:
        source: the manifest, from the root of the repository.
        target: the file below `templates/`.
        opening: template lines before it, which `closing` ends.
        closing: template lines after it.
        metadata: more lines of every object's metadata.
        settings: what is a value of the chart there: texts of the manifest, and what stands in the template instead.

    """

    source: str
    target: str
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """The template's text."""
        source = (ROOT / self.source).read_text(encoding="utf-8")
        if "{{" in source:
            text = f"{self.source} holds {{{{, which Helm would take for its own"
            raise ValueError(text)
        for setting, value in self.settings:
            if source.count(setting) != 1:
                text = f"{self.source} does not hold {setting!r} once"
                raise ValueError(text)
            source = source.replace(setting, value)
        lines = self._with_metadata(source.replace(DEFAULT_NAMESPACE, _NAMESPACE).splitlines())
        note = f"{{{{- /* Written by `make chart` from {self.source}: change it there. */}}}}"
        return "".join(f"{line}\n" for line in (note, *self.opening, *lines, *self.closing))

    def _with_metadata(self, lines: list[str]) -> Iterator[str]:
        """Put labels and the rest into the metadata of each object, and leave everything else as it is."""
        inside = False
        for number, line in enumerate(lines):
            if _TOP_LEVEL.match(line):
                inside = line == "metadata:"
            if inside and line == _NAME_LABEL:
                continue
            yield line
            if inside and line == "  labels:":
                yield _LABELS
            if inside and line.startswith("  name:"):
                yield from self.metadata
                if not _has_labels(lines[number + 1 :]):
                    yield from ("  labels:", _LABELS)


def _has_labels(following: list[str]) -> bool:
    rest_of_metadata = takewhile(lambda line: not _TOP_LEVEL.match(line), following)
    return "  labels:" in rest_of_metadata


def _when(condition: str, source: str, target: str) -> Template:
    return Template(source, target, (f"{{{{- if {condition} }}}}",), ("{{- end }}",))


def _crd(name: str) -> Template:
    return Template(
        f"crds/{name}",
        f"crds/{name}",
        ("{{- if $.Values.crds.install }}",),
        ("{{- end }}",),
        metadata=(
            "  annotations:",
            f"    llmkeys.dev/installed-in: {_NAMESPACE}",
            "    {{- if $.Values.crds.keep }}",
            "    helm.sh/resource-policy: keep",
            "    {{- end }}",
        ),
    )


_ALL_NAMESPACES: Final = "all-namespaces"


def _names(folder: str) -> list[str]:
    return sorted(file.stem for file in (ROOT / folder).glob("*.yaml"))


_POLICIES_SERVED: Final = 'eq (include "llmkeys.policies" $) "true"'

_INJECTION_SERVED: Final = 'eq (include "llmkeys.injection" $) "true"'


def _setting(name: str, default: str, value: str) -> tuple[str, str]:
    """A variable of the policy whose expression is a literal."""
    before = f"- name: {name}\n      expression: "
    return f"{before}'{default}'\n", f"{before}{{{{ {value} | squote }}}}\n"


_INJECT: Final = Template(
    "config/components/policy/inject.yaml",
    "inject/inject.yaml",
    (f"{{{{- if {_INJECTION_SERVED} }}}}",),
    ("{{- end }}",),
    settings=(
        _setting("image", f'"{COMPONENT}:{__version__}"', 'include "llmkeys.injectedImage" $ | toJson'),
        _setting("pullPolicy", '"IfNotPresent"', "$.Values.inject.pullPolicy | toJson"),
        _setting("pullSecrets", "[]", 'include "llmkeys.injectedPullSecrets" $'),
        _setting(
            "requests",
            '{"cpu": "10m", "memory": "48Mi"}',
            'include "llmkeys.injectedQuantities" $.Values.inject.resources.requests',
        ),
        _setting(
            "limits",
            '{"cpu": "500m", "memory": "128Mi"}',
            'include "llmkeys.injectedQuantities" $.Values.inject.resources.limits',
        ),
    ),
)


def _reaching(name: str) -> Iterator[Template]:
    """What gives the controller rights on workloads or pods, if it is to have them: config/components/<name>."""
    folder, wanted = f"config/components/{name}", f"$.Values.{name}.enabled"
    yield _when(wanted, f"{folder}/roles.yaml", f"{name}/roles.yaml")
    yield _when(
        f"and {wanted} (not $.Values.watchNamespaces)",
        f"{folder}/{_ALL_NAMESPACES}.yaml",
        f"{name}/{_ALL_NAMESPACES}.yaml",
    )
    yield Template(
        f"{folder}/watched-namespace.yaml",
        f"{name}/watched-namespaces.yaml",
        (f"{{{{- if {wanted} }}}}", "{{- range $namespace := $.Values.watchNamespaces }}", "---"),
        ("{{- end }}", "{{- end }}"),
        metadata=("  namespace: {{ $namespace }}",),
    )
    yield _when(f"and {wanted} ({_POLICIES_SERVED})", f"{folder}/policy.yaml", f"{name}/policy.yaml")


GENERATED: Final = (
    _crd("llmcredentials.yaml"),
    _crd("llmproviders.yaml"),
    *(
        Template(f"config/rbac/{name}.yaml", f"rbac/{name}.yaml")
        for name in _names("config/rbac")
        if name != _ALL_NAMESPACES
    ),
    _when("not $.Values.watchNamespaces", f"config/rbac/{_ALL_NAMESPACES}.yaml", f"rbac/{_ALL_NAMESPACES}.yaml"),
    _when("$.Values.watchNamespaces", "config/rbac/watch-namespaces/own-namespace.yaml", "rbac/own-namespace.yaml"),
    Template(
        "config/rbac/watch-namespaces/watched-namespace.yaml",
        "rbac/watched-namespaces.yaml",
        ("{{- range $namespace := $.Values.watchNamespaces }}", "---"),
        ("{{- end }}",),
        metadata=("  namespace: {{ $namespace }}",),
    ),
    *(
        _when(_POLICIES_SERVED, f"config/policies/{name}.yaml", f"policies/{name}.yaml")
        for name in _names("config/policies")
    ),
    _when("$.Values.bootstrap.enabled", "config/components/bootstrap/roles.yaml", "bootstrap/roles.yaml"),
    _when(
        f"and $.Values.bootstrap.enabled ({_POLICIES_SERVED})",
        "config/components/bootstrap/policy.yaml",
        "bootstrap/policy.yaml",
    ),
    _INJECT,
    _when(_INJECTION_SERVED, "config/components/policy/refuse.yaml", "inject/refuse.yaml"),
    *_reaching("rollouts"),
    *_reaching("nudge"),
    Template("config/controller/metrics-service.yaml", "controller/metrics-service.yaml"),
    Template("config/unsealer/service.yaml", "unsealer/service.yaml"),
    Template("config/unsealer/metrics-service.yaml", "unsealer/metrics-service.yaml"),
)
"""Every template that follows from a plain manifest."""


def write() -> None:
    """Write them all."""
    for template in GENERATED:
        target = TEMPLATES / template.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template.text(), encoding="utf-8")


if __name__ == "__main__":
    write()

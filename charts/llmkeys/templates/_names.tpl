{{/* The labels of every object. */}}
{{- define "llmkeys.labels" -}}
app.kubernetes.io/name: llmkeys
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* By which the pods of a component are found: (dict "component" …). Never changes. */}}
{{- define "llmkeys.selector" -}}
app.kubernetes.io/name: llmkeys
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "llmkeys.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Whether ValidatingAdmissionPolicies are rendered: "true" or "". A cluster says which kinds it serves. `helm template`
knows no cluster and no kinds, only a version.
*/}}
{{- define "llmkeys.policies" -}}
{{- if .Values.policies.enabled }}
{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy" }}true
{{- else if .Capabilities.APIVersions.Has "v1/Pod" }}
{{- else if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}true
{{- end }}
{{- end }}
{{- end }}

{{/* The kind of monitor that is rendered, or "". */}}
{{- define "llmkeys.monitor" -}}
{{- if ne .Values.metrics.monitor "Auto" }}
{{- .Values.metrics.monitor }}
{{- else if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}
{{- "ServiceMonitor" }}
{{- end }}
{{- end }}

{{/* Whether a PrometheusRule is rendered: "true" or "". */}}
{{- define "llmkeys.rules" -}}
{{- if eq .Values.metrics.rules "Always" }}true
{{- else if and (eq .Values.metrics.rules "Auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule") }}true
{{- end }}
{{- end }}

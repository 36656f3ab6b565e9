{{/*
Whether pods are given credentials by a policy: "true" or "". A cluster says which kinds it serves. `helm template` knows
no cluster and no kinds, only a version.
*/}}
{{- define "llmkeys.injection" -}}
{{- if .Values.inject.enabled }}
{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}true
{{- else if .Capabilities.APIVersions.Has "v1/Pod" }}
{{- else if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}true
{{- end }}
{{- end }}
{{- end }}

{{/* The image of the init container; what is left out is that of the chart's own image. */}}
{{- define "llmkeys.injectedImage" -}}
{{- $chart := .Values.image -}}
{{- with .Values.inject.image }}
{{- $repository := default $chart.repository .repository }}
{{- if .digest }}
{{- printf "%s@%s" $repository .digest }}
{{- else if .tag }}
{{- printf "%s:%s" $repository .tag }}
{{- else if $chart.digest }}
{{- printf "%s@%s" $repository $chart.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default $.Chart.AppVersion $chart.tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Their names, as a list of the policy's language. */}}
{{- define "llmkeys.injectedPullSecrets" -}}
{{- $names := list }}
{{- range .Values.inject.pullSecrets }}
{{- $names = append $names .name }}
{{- end }}
{{- toJson $names }}
{{- end }}

{{/* Requests or limits, as a map of the policy's language, all of whose values are strings. */}}
{{- define "llmkeys.injectedQuantities" -}}
{{- $texts := dict }}
{{- range $name, $value := . }}
{{- $_ := set $texts $name (toString $value) }}
{{- end }}
{{- toJson $texts }}
{{- end }}

{{/* What is wrong with the values and a schema cannot say. */}}
{{- define "llmkeys.check" -}}
{{- if and .Values.keyring.kekSecret .Values.keyring.kekVolume }}
{{- fail "keyring.kekSecret and keyring.kekVolume are both given: leave one of them" }}
{{- end }}
{{- with .Values.bootstrap }}
{{- if and .variables (not .template) }}
{{- fail "bootstrap.variables are those of bootstrap.template, and there is none" }}
{{- end }}
{{- if and .template .sealed }}
{{- fail "bootstrap.template and bootstrap.sealed are both given: leave one of them" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Metadata of the pods of a component: (dict "root" $ "component" …). */}}
{{- define "llmkeys.podMetadata" -}}
{{- $values := index .root.Values .component -}}
labels:
  {{- include "llmkeys.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The part of a pod's spec that is the same everywhere: (dict "root" $). Pod Security: restricted. */}}
{{- define "llmkeys.restricted" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "llmkeys.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the pods of a component run: (dict "root" $ "component" …). */}}
{{- define "llmkeys.placement" -}}
{{- $values := index .root.Values .component -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "llmkeys.selector" . | nindent 8 }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The volume of the key-encryption key, if there is one: (dict "root" $). */}}
{{- define "llmkeys.kekVolume" -}}
{{- with .root.Values.keyring }}
{{- if .kekSecret }}
- name: kek
  secret:
    secretName: {{ .kekSecret }}
{{- else if .kekVolume }}
- name: kek
  {{- toYaml .kekVolume | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "llmkeys.hasKek" -}}
{{- if or .Values.keyring.kekSecret .Values.keyring.kekVolume }}true{{ end }}
{{- end }}

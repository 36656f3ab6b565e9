{{/* Who may reach the pages of health and metrics. */}}
{{- define "llmkeys.metricsIngress" -}}
- from:
    - podSelector:
        matchLabels:
          {{- include "llmkeys.selector" (dict "component" "test") | nindent 10 }}
    {{- with .Values.networkPolicy.metricsFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports: [{port: 8080, protocol: TCP}]
{{- end }}

{{/*
What every component has to reach: names and the API server. Where the latter is cannot be said by address: it may lie
outside the cluster, and some networks count nodes neither as pods nor as a range of addresses.
*/}}
{{- define "llmkeys.clusterEgress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

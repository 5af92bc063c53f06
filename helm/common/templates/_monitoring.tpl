{{/*
Alerts and dashboard of a chart, from its files (written by tools/monitoring.ts). Nothing in them is a template of ours: the braces belong to
Prometheus and Grafana.
*/}}
{{- define "zerog.monitoring" -}}
{{- $monitoring := .Values.global.monitoring -}}
{{- $context := dict "root" . "target" (printf "%s-monitoring" .Chart.Name) -}}
{{- $rules := .Files.Get "files/rules.yaml" -}}
{{- if and $monitoring.rules $rules }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "zerog.fullname" $context }}
  labels:
    {{- include "zerog.labels" $context | nindent 4 }}
    {{- with $monitoring.ruleLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- $rules | replace "docs/runbooks/" (printf "%s/" (trimSuffix "/" $monitoring.runbooks)) | nindent 2 }}
{{- end }}
{{- if $monitoring.dashboards }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ printf "%s-%s-dashboard" .Release.Name .Chart.Name | trunc 63 }}
  labels:
    {{- include "zerog.labels" $context | nindent 4 }}
    {{- with $monitoring.dashboardLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
data:
  {{ printf "zerog-%s.json" .Chart.Name | replace "zerog-zerog" "zerog-overview" }}: |
    {{- .Files.Get "files/dashboard.json" | nindent 4 }}
{{- end }}
{{- end }}

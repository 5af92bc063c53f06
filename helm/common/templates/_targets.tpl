{{/* All objects of all targets of a chart: values `targets.<name>`, over the defaults of this file. */}}
{{- define "zerog.targetDefaults" -}}
kind: Deployment
replicas: 1
calls: []
calledBy: []
portsCalledBy: []
callsPorts: {}
needs: []
config: {}
ports: {}
secretFiles: {}
egress: []
autoscaling: {enabled: false}
# Pods of one target on one host: DoNotSchedule where they hold copies of the same data.
hostSpread: ScheduleAnyway
# Room of /tmp, and of /data where nothing is kept: a pod that needs more is moved instead of filling its host's disk.
scratchSize: 1Gi
preStopSeconds: 5
startupFailureThreshold: 90
# Longer than preStop, drain (20 s) and stop (10 s) together.
terminationGracePeriodSeconds: 45
{{- end }}

{{- define "zerog.targets" -}}
{{- $root := . -}}
{{- include "zerog.refuseDevelopment" . -}}
{{- range $target, $values := .Values.targets }}
{{- if ne (toString $values.enabled) "false" }}
{{- $spec := mergeOverwrite (include "zerog.targetDefaults" $root | fromYaml) (deepCopy $values) }}
{{- /* The development network has public keys for what is not given. */}}
{{- $given := dict }}
{{- range $field, $ref := $spec.secretFiles }}
{{- if or $ref.name (not $root.Values.global.development) }}{{ $given = set $given $field $ref }}{{ end }}
{{- end }}
{{- $spec = set $spec "secretFiles" $given }}
{{- $context := dict "root" $root "target" $target "spec" $spec }}
{{- $parts := list "zerog.serviceAccount" "zerog.configMap" "zerog.headlessService" "zerog.workload" "zerog.networkPolicy" }}
{{- if $spec.ports }}{{ $parts = append $parts "zerog.faceService" }}{{ end }}
{{- if or (gt (int $spec.replicas) 1) $spec.autoscaling.enabled }}{{ $parts = append $parts "zerog.podDisruptionBudget" }}{{ end }}
{{- if $spec.autoscaling.enabled }}{{ $parts = append $parts "zerog.horizontalPodAutoscaler" }}{{ end }}
{{- if $root.Values.global.monitoring.serviceMonitors }}{{ $parts = append $parts "zerog.serviceMonitor" }}{{ end }}
{{- if eq $root.Values.global.tls.mode "cert-manager" }}{{ $parts = append $parts "zerog.certificate" }}{{ end }}
{{- range $part := $parts }}
---
{{ include $part $context }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

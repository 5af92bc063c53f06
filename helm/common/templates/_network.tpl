{{/*
Nothing may be reached but what the code calls: gRPC from the targets on the allow-lists of this one, the admin port from the monitoring
namespace, public ports from where they are published; out to those it calls, its servers and DNS.
*/}}
{{- define "zerog.networkPolicy" -}}
{{- $root := .root -}}
{{- $global := $root.Values.global -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "zerog.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- $callers := list -}}
    {{- range $name := .spec.calledBy -}}
    {{- if index $global.topology $name -}}{{- $callers = append $callers $name -}}{{- end -}}
    {{- end }}
    {{- with $callers }}
    - from:
        {{- range $name := . }}
        - podSelector:
            matchLabels:
              {{- include "zerog.selectorLabels" (dict "root" $root "target" $name) | nindent 14 }}
        {{- end }}
      ports:
        - {protocol: TCP, port: 9100}
    {{- end }}
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.monitoring.namespace }}
      ports:
        - {protocol: TCP, port: 9200}
    {{- if .spec.ports }}
    - {{ with .spec.portsCalledBy }}from:
        {{- range $name := . }}
        - podSelector:
            matchLabels:
              {{- include "zerog.selectorLabels" (dict "root" $root "target" $name) | nindent 14 }}
        {{- end }}
      {{ end }}ports:
        {{- range $name, $port := .spec.ports }}
        - {protocol: TCP, port: {{ int $port }}}
        {{- end }}
    {{- end }}
  egress:
    - to:
        {{- toYaml $global.dns.to | nindent 8 }}
      ports:
        - {protocol: UDP, port: {{ int $global.dns.port }}}
        - {protocol: TCP, port: {{ int $global.dns.port }}}
    {{- $callees := list -}}
    {{- range $name := .spec.calls -}}
    {{- if index $global.topology $name -}}{{- $callees = append $callees $name -}}{{- end -}}
    {{- end }}
    {{- with $callees }}
    - to:
        {{- range $name := . }}
        - podSelector:
            matchLabels:
              {{- include "zerog.selectorLabels" (dict "root" $root "target" $name) | nindent 14 }}
        {{- end }}
      ports:
        - {protocol: TCP, port: 9100}
    {{- end }}
    {{- range $name, $port := .spec.callsPorts }}
    {{- if index $global.topology $name }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "zerog.selectorLabels" (dict "root" $root "target" $name) | nindent 14 }}
      ports:
        - {protocol: TCP, port: {{ int $port }}}
    {{- end }}
    {{- end }}
    {{- range $name := list "postgres" "nats" "redis" }}
    {{- if has $name $.spec.needs }}
    {{- $server := index $global $name }}
    - to:
        {{- tpl (toYaml $server.to) $root | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ int $server.port }}}
    {{- end }}
    {{- end }}
    {{- with $global.otlpEndpoint }}
    {{- $url := urlParse . }}
    - to:
        {{- toYaml $global.otlpTo | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}}
    {{- end }}
    {{- with $.spec.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "zerog.serviceMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
    {{- with .root.Values.global.monitoring.monitorLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  # Alerts and dashboards tell layers and installations apart by these.
  jobLabel: app.kubernetes.io/name
  targetLabels: [app.kubernetes.io/component, app.kubernetes.io/instance, app.kubernetes.io/part-of]
  selector:
    matchLabels:
      {{- include "zerog.selectorLabels" . | nindent 6 }}
  endpoints:
    - port: admin
      path: /metrics
      interval: {{ .root.Values.global.monitoring.interval }}
{{- end }}

{{/* Certificates by cert-manager: one secret per target with its identity as URI. */}}
{{- define "zerog.certificate" -}}
{{- $global := .root.Values.global -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  secretName: {{ include "zerog.fullname" . }}-tls
  duration: 2160h
  renewBefore: 720h
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  usages: [digital signature, server auth, client auth]
  uris:
    - {{ printf "spiffe://%s/%s" $global.network .target }}
  dnsNames:
    - {{ include "zerog.fullname" . }}-headless
    - {{ printf "*.%s-headless" (include "zerog.fullname" .) | quote }}
  issuerRef:
    name: {{ $global.tls.issuerName }}
    kind: {{ $global.tls.issuerKind }}
{{- end }}

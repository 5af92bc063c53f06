{{/*
Settings of a target as its ConfigMap: what is common, then its own. Peers are host:port of headless services, so that a client balances
over all pods; a target whose pods are addressed one by one (perPod) is listed pod by pod.
*/}}
{{- define "zerog.peers" -}}
{{- $root := .root -}}
{{- $peers := dict -}}
{{- range $name := .spec.calls -}}
{{- $callee := index $root.Values.global.topology $name -}}
{{- if $callee -}}
{{- $service := include "zerog.fullname" (dict "root" $root "target" $name) -}}
{{- if $callee.perPod -}}
{{- $hosts := list -}}
{{- range $ordinal := until (int $callee.replicas) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s-headless:9100" $service $ordinal $service) -}}
{{- end -}}
{{- $peers = set $peers $name $hosts -}}
{{- else -}}
{{- $peers = set $peers $name (list (printf "%s-headless:9100" $service)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $peers -}}
{{- end }}

{{- define "zerog.configYaml" -}}
{{- $global := .root.Values.global -}}
common:
  network: {{ $global.network | quote }}
  chainId: {{ int64 $global.chainId }}
  tlsDir: /tls
  grpcAddress: 0.0.0.0
  grpcPort: 9100
  adminAddress: 0.0.0.0
  adminPort: 9200
  logLevel: {{ $global.logLevel | quote }}
  natsReplicas: {{ int $global.nats.replicas }}
  {{- with $global.otlpEndpoint }}
  otlpEndpoint: {{ . | quote }}
  {{- end }}
  {{- with .spec.calls }}
  peers:
    {{- include "zerog.peers" $ | nindent 4 }}
  {{- end }}
{{ .target }}:
  {{- if .spec.genesis }}
  {{- if not $global.development }}
  {{- if not $global.validatorPublicKeys }}{{ fail "global.validatorPublicKeys is needed: the public key of this network's validator, which zerog chain validator-key prints" }}{{ end }}
  {{- if not $global.fundedAccounts }}{{ fail "global.fundedAccounts is needed: without an account that has money in the genesis nobody can pay for anything" }}{{ end }}
  {{- end }}
  validatorPublicKeys: {{ toJson $global.validatorPublicKeys }}
  fundedAccounts: {{ toJson $global.fundedAccounts }}
  storageOwner: {{ required "global.owner is needed: the account that may change prices" $global.owner | quote }}
  {{- end }}
  {{- with .spec.config }}
  {{- tpl (toYaml .) $.root | nindent 2 }}
  {{- else }}
  {{- if not .spec.genesis }} {}{{- end }}
  {{- end }}
{{- end }}

{{- define "zerog.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
data:
  zerog.yaml: |
    {{- include "zerog.configYaml" . | nindent 4 }}
{{- end }}

{{/* Name of the objects of a target: <release>-<target>. Call with (dict "root" $ "target" name). */}}
{{- define "zerog.fullname" -}}
{{- $name := printf "%s-%s" .root.Release.Name .target -}}
{{- /* Cut names of two targets could be the same. 63, less "-headless" and a pod's ordinal. */ -}}
{{- if gt (len $name) 50 }}{{ fail (printf "the release name %s is too long: %s has more than 50 characters" .root.Release.Name $name) }}{{ end -}}
{{- $name -}}
{{- end }}

{{- define "zerog.selectorLabels" -}}
app.kubernetes.io/name: {{ .target }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Labels of pods: nothing that changes with a chart's version, since a pod is replaced when its labels change. */}}
{{- define "zerog.podLabels" -}}
{{ include "zerog.selectorLabels" . }}
app.kubernetes.io/part-of: zerog
app.kubernetes.io/component: {{ .root.Chart.Name }}
{{- end }}

{{- define "zerog.labels" -}}
{{ include "zerog.selectorLabels" . }}
app.kubernetes.io/part-of: zerog
app.kubernetes.io/component: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | default .root.Chart.Version | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "zerog.image" -}}
{{- $image := .Values.global.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (required "global.image.tag or global.image.digest is needed" $image.tag) -}}
{{- end -}}
{{- end }}

{{/* Environment name of a field: grpcPort -> GRPC_PORT, as the runtime writes it. */}}
{{- define "zerog.upperSnake" -}}
{{- regexReplaceAll "([a-z0-9])([A-Z])" . "${1}_${2}" | replace "-" "_" | upper -}}
{{- end }}

{{/* What no network but a devnet may be: development chain ids and public keys. */}}
{{- define "zerog.refuseDevelopment" -}}
{{- $global := .Values.global -}}
{{- if not $global.development -}}
{{- if has (toString (int64 $global.chainId)) (list "0" "1" "16601" "16602" "16661" "31337") -}}
{{- fail (printf "global.chainId %d is a development or somebody else's chain: every installation sets its own" (int64 $global.chainId)) -}}
{{- end -}}
{{- range $account := $global.fundedAccounts -}}
{{- if has (lower $account) (list "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266" "0x70997970c51812dc3a010c7d01b50e0d17dc79c8" "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc" "0x90f79bf6eb2c4f870365e785982e1f101e93b906" "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65" "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc" "0x976ea74026e726554db657fa54763abd0c3a0aa9" "0x14dc79964da2c08b23698b3d3cc7ca32193d9955" "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f" "0xa0ee7a142d267c1f36714e4a8f75612f20a79720") -}}
{{- fail (printf "global.fundedAccounts names %s, whose key is public" $account) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

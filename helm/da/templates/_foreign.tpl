{{/*
What members of other installations, and a door for other installations, ask of the targets: written into their values before they are rendered.
*/}}
{{- define "zerog.daForeign" -}}
{{- $targets := .Values.targets -}}
{{- range $name, $target := $targets -}}
{{- if and $target.door (ne $name "da-node") }}{{ fail (printf "%s has no door: only da-node is called by other installations" $name) }}{{ end -}}
{{- end -}}
{{- if .Values.foreignMembers.enabled -}}
{{- $ports := list -}}
{{- range .Values.foreignMembers.ports }}{{ $ports = append $ports (dict "protocol" "TCP" "port" (int .)) }}{{ end -}}
{{- $rule := dict "to" .Values.foreignMembers.to "ports" $ports -}}
{{- range $name := list "da-disperser" "da-encoder" "da-node" "da-retriever" -}}
{{- $target := index $targets $name -}}
{{- $_ := set $target "config" (merge (dict "identityDir" "/tls") ($target.config | default dict)) -}}
{{- $_ := set $target "egress" (append ($target.egress | default list) $rule) -}}
{{- end -}}
{{- end -}}
{{- $node := index $targets "da-node" -}}
{{- if $node.door.enabled -}}
{{- if not $node.door.authorities.name }}{{ fail "da-node: door.authorities.name is needed: the secret with ca.crt of every installation that may call" }}{{ end -}}
{{- $_ := set $node "config" (merge (dict "doorAddress" "0.0.0.0" "doorPort" (int $node.door.port)) ($node.config | default dict)) -}}
{{- $_ := set $node "secretFiles" (merge (dict "doorAuthorities" $node.door.authorities) ($node.secretFiles | default dict)) -}}
{{- end -}}
{{- end }}

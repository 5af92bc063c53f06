{{/* Pod of a target, Pod Security "restricted". */}}
{{- define "zerog.podTemplate" -}}
{{- $global := .root.Values.global -}}
{{- $prefix := printf "ZEROG_%s" (include "zerog.upperSnake" .target) -}}
metadata:
  labels:
    {{- include "zerog.podLabels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include "zerog.configYaml" . | sha256sum }}
    {{- with .spec.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "zerog.fullname" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .spec.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with $global.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .spec.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .spec.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .spec.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .spec.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ ternary $.spec.hostSpread "ScheduleAnyway" (eq $key "kubernetes.io/hostname") }}
      labelSelector:
        matchLabels:
          {{- include "zerog.selectorLabels" $ | nindent 10 }}
      {{- if eq $.spec.kind "Deployment" }}
      # Those that are about to go do not count.
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
  containers:
    - name: {{ .target }}
      image: {{ include "zerog.image" .root }}
      imagePullPolicy: {{ $global.image.pullPolicy }}
      args:
        - run
        - --target={{ .target }}
        - --config-file=/etc/zerog/zerog.yaml
        {{- if eq .spec.kind "StatefulSet" }}
        - --instance=$(POD_INDEX)
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities:
          drop: [ALL]
      env:
        - {name: ZEROG_COMMON_DATA_DIR, value: /data}
        {{- if $global.serverAuthorities.existingSecret }}
        - {name: NODE_EXTRA_CA_CERTS, value: /server-authorities/ca.crt}
        {{- end }}
        {{- if eq .spec.kind "StatefulSet" }}
        - name: POD_INDEX
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        {{- end }}
        {{- range $name := list "postgres" "nats" "redis" }}
        {{- if has $name $.spec.needs }}
        {{- $server := index $global $name }}
        - name: ZEROG_COMMON_{{ upper $name }}_URL
          valueFrom:
            secretKeyRef:
              name: {{ tpl (required (printf "global.%s.existingSecret is needed by %s" $name $.target) $server.existingSecret) $.root }}
              key: {{ $server.secretKey }}
        {{- end }}
        {{- end }}
        {{- range $field, $ref := .spec.secretFiles }}
        - name: {{ $prefix }}_{{ include "zerog.upperSnake" $field }}_FILE
          value: /secrets/{{ $field }}/{{ $ref.key }}
        {{- end }}
      ports:
        - name: grpc
          containerPort: 9100
        - name: admin
          containerPort: 9200
        {{- range $name, $port := .spec.ports }}
        - name: {{ $name }}
          containerPort: {{ int $port }}
        {{- end }}
      # gRPC probes cannot show a certificate, and every RPC of ours wants one: probes ask the admin port.
      startupProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: {{ int .spec.startupFailureThreshold }}
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        preStop:
          # Endpoints forget the pod before it stops to accept: connections that were on their way are served.
          sleep:
            seconds: {{ int .spec.preStopSeconds }}
      resources:
        {{- toYaml .spec.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/zerog, readOnly: true}
        - {name: tls, mountPath: /tls, readOnly: true}
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
        {{- if $global.serverAuthorities.existingSecret }}
        - {name: server-authorities, mountPath: /server-authorities, readOnly: true}
        {{- end }}
        {{- range $field, $_ := .spec.secretFiles }}
        - {name: secret-{{ $field | kebabcase }}, mountPath: /secrets/{{ $field }}, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "zerog.fullname" . }}
    - name: tls
      projected:
        defaultMode: 0440
        sources:
          - secret:
              name: {{ printf "%s-tls" (include "zerog.fullname" .) }}
              items:
                - {key: ca.crt, path: ca.crt}
                - {key: tls.crt, path: {{ .target }}.crt}
                - {key: tls.key, path: {{ .target }}.key}
    - name: tmp
      emptyDir: {sizeLimit: {{ .spec.scratchSize }}}
    {{- if not .spec.persistence }}
    - name: data
      emptyDir: {sizeLimit: {{ .spec.scratchSize }}}
    {{- end }}
    {{- with $global.serverAuthorities }}
    {{- if .existingSecret }}
    - name: server-authorities
      secret:
        secretName: {{ .existingSecret }}
        items:
          - {key: {{ .secretKey }}, path: ca.crt}
    {{- end }}
    {{- end }}
    {{- range $field, $ref := .spec.secretFiles }}
    - name: secret-{{ $field | kebabcase }}
      secret:
        secretName: {{ required (printf "%s: the name of the secret with %s is needed" $.target $field) $ref.name }}
        defaultMode: 0440
    {{- end }}
{{- end }}

{{- define "zerog.workload" -}}
apiVersion: apps/v1
kind: {{ .spec.kind }}
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  {{- if not .spec.autoscaling.enabled }}
  replicas: {{ int .spec.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- include "zerog.selectorLabels" . | nindent 6 }}
  {{- if eq .spec.kind "StatefulSet" }}
  serviceName: {{ include "zerog.fullname" . }}-headless
  podManagementPolicy: Parallel
  updateStrategy:
    type: RollingUpdate
  {{- else }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  {{- end }}
  template:
    {{- include "zerog.podTemplate" . | nindent 4 }}
  {{- if and (eq .spec.kind "StatefulSet") .spec.persistence }}
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  volumeClaimTemplates:
    - metadata:
        name: data
        labels:
          {{- include "zerog.selectorLabels" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .spec.persistence.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .spec.persistence.size }}
  {{- end }}
{{- end }}

{{/* gRPC and admin, headless: clients balance over the pods themselves. */}}
{{- define "zerog.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "zerog.fullname" . }}-headless
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  clusterIP: None
  {{- $named := index .root.Values.global.topology .target }}
  # Pods that are called one by one are found before they are ready, since they wait for each other. Clients of all others balance over ready ones.
  publishNotReadyAddresses: {{ and $named $named.perPod | default false }}
  selector:
    {{- include "zerog.selectorLabels" . | nindent 4 }}
  ports:
    - {name: grpc, port: 9100, targetPort: grpc, appProtocol: grpc}
    - {name: admin, port: 9200, targetPort: admin}
{{- end }}

{{/* Public faces of a target. */}}
{{- define "zerog.faceService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
  {{- with .spec.serviceAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .spec.serviceType | default "ClusterIP" }}
  selector:
    {{- include "zerog.selectorLabels" . | nindent 4 }}
  ports:
    {{- range $name, $port := .spec.ports }}
    - {name: {{ $name }}, port: {{ int $port }}, targetPort: {{ $name }}}
    {{- end }}
{{- end }}

{{- define "zerog.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "zerog.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that does not get ready keeps no node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "zerog.selectorLabels" . | nindent 6 }}
{{- end }}

{{- define "zerog.horizontalPodAutoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "zerog.fullname" . }}
  labels:
    {{- include "zerog.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ .spec.kind }}
    name: {{ include "zerog.fullname" . }}
  minReplicas: {{ int .spec.autoscaling.minReplicas }}
  maxReplicas: {{ int .spec.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .spec.autoscaling.cpuPercent }}
    {{- with .spec.autoscaling.queueMetric }}
    - type: Pods
      pods:
        metric:
          name: {{ .name }}
        target:
          type: AverageValue
          averageValue: {{ .averageValue | quote }}
    {{- end }}
{{- end }}

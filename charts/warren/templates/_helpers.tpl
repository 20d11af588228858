{{/* The chart's name. */}}
{{- define "warren.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What the release's objects are called. */}}
{{- define "warren.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "warren.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What picks the operator's pods. Never changes. */}}
{{- define "warren.selector" -}}
app.kubernetes.io/name: {{ include "warren.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of every object. */}}
{{- define "warren.labels" -}}
{{ include "warren.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: warren
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The account the operator runs as. */}}
{{- define "warren.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "warren.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The operator's image. */}}
{{- define "warren.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the operator does wherever it looks after resources; the grounds are beside each rule. */}}
{{- define "warren.rules" -}}
# The resources people write: followed. Exchanges, queues and bindings are marked with a finalizer too.
- apiGroups: [warren.dev]
  resources: [brokerclusters]
  verbs: [list, watch]
- apiGroups: [warren.dev]
  resources: [exchanges, queues, bindings]
  verbs: [list, watch, patch]
# What became of them.
- apiGroups: [warren.dev]
  resources: [brokerclusters/status, exchanges/status, queues/status, bindings/status]
  verbs: [patch]
# Children name their cluster as an owner that waits for them.
- apiGroups: [warren.dev]
  resources: [brokerclusters/finalizers]
  verbs: [update]
# The children of a BrokerCluster: applied and followed. Owner references delete them.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch]
# Credentials: applied, and followed by the label warren.dev/cluster so that a new password is seen at
# once. No other Secret is ever fetched, but Kubernetes cannot narrow a right by label: where that is
# too wide, watchNamespace narrows it to one namespace.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
# What the broker pods are doing.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# What happened, told on the resource it happened to.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

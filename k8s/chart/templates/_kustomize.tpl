{{/*
What kustomize does with ../base and ../components, as far as they use it, so that chart and overlays are made from the same
files. A template returns text only: what changes an object changes the dictionary that it is given.
*/}}

{{/* merge (dict "into" OBJECT "patch" PATCH): strategic; members of lists are found by their names. */}}
{{- define "ordermesh.merge" -}}
{{- $into := .into }}
{{- range $key, $value := .patch }}
  {{- $old := get $into $key }}
  {{- if and (kindIs "map" $value) (kindIs "map" $old) }}
    {{- include "ordermesh.merge" (dict "into" $old "patch" $value) }}
  {{- else if and (kindIs "slice" $value) (kindIs "slice" $old) (kindIs "map" (first $value)) }}
    {{- $_ := set $into $key (include "ordermesh.mergeList" (dict "into" $old "patch" $value) | fromYamlArray) }}
  {{- else }}
    {{- $_ := set $into $key $value }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The patch's members come first, as kustomize has it. */}}
{{- define "ordermesh.mergeList" -}}
{{- $rest := .into }}
{{- $merged := list }}
{{- range $patch := .patch }}
  {{- $member := $patch }}
  {{- $others := list }}
  {{- range $old := $rest }}
    {{- if ne $old.name $patch.name }}
      {{- $others = append $others $old }}
    {{- else }}
      {{- include "ordermesh.merge" (dict "into" $old "patch" $patch) }}
      {{- $member = $old }}
    {{- end }}
  {{- end }}
  {{- $rest = $others }}
  {{- if ne (get $patch "$patch") "delete" }}{{ $merged = append $merged $member }}{{ end }}
{{- end }}
{{- toYaml (concat $merged $rest) }}
{{- end }}

{{/* targets (dict "target" TARGET "object" OBJECT): "yes" when a patch is for the object. */}}
{{- define "ordermesh.targets" -}}
{{- $component := dig "metadata" "labels" "app.kubernetes.io/component" "none" .object }}
{{- if and (eq .target.kind .object.kind)
    (or (not .target.name) (regexMatch (printf "^(%s)$" .target.name) .object.metadata.name))
    (or (not .target.labelSelector) (regexMatch (printf "\\b%s\\b" $component) (.target.labelSelector | default ""))) }}yes{{ end }}
{{- end }}

{{/* patch (dict "root" $ "folder" FOLDER "patches" PATCHES "object" OBJECT) */}}
{{- define "ordermesh.patch" -}}
{{- range .patches }}
  {{- $text := .patch | default ($.root.Files.Get (printf "%s/%s" $.folder .path)) }}
  {{- if hasPrefix "- " $text }}
    {{- if include "ordermesh.targets" (dict "target" .target "object" $.object) }}
      {{- range fromYamlArray $text }}
        {{- $path := splitList "/" (trimPrefix "/" .path) }}
        {{- if or (ne .op "remove") (ne (len $path) 2) }}{{ fail (printf "the chart does not know: %s %s" .op .path) }}{{ end }}
        {{- $_ := unset (get $.object (first $path)) (last $path) }}
      {{- end }}
    {{- end }}
  {{- else }}
    {{- $patch := fromYaml $text }}
    {{- $target := .target | default (dict "kind" $patch.kind "name" $patch.metadata.name) }}
    {{- if include "ordermesh.targets" (dict "target" $target "object" $.object) }}
      {{- include "ordermesh.merge" (dict "into" $.object "patch" (omit $patch "apiVersion" "kind" "metadata")) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* folders: those of components.* that are on, base first. */}}
{{- define "ordermesh.folders" -}}
{{- $folders := list "files/base" }}
{{- if or .Values.components.nats (index .Values.components "nats-clients") }}{{ $folders = append $folders "files/components/nats-clients" }}{{ end }}
{{- if or .Values.components.monitoring .Values.components.observe }}{{ $folders = append $folders "files/components/monitoring/dashboards" }}{{ end }}
{{- range $name := splitList " " "nats postgres cnpg redis valkey valkey-operator demo ingress route hpa keda monitoring observe exporters nack nats-box backup external-secrets" }}
  {{- if get $.Values.components $name }}{{ $folders = append $folders (printf "files/components/%s" $name) }}{{ end }}
{{- end }}
{{- if and .Values.components.cnpg (index .Values.components "external-secrets") }}{{ $folders = append $folders "files/components/external-secrets/cnpg" }}{{ end }}
{{- if and .Values.components.postgres .Values.components.cnpg }}{{ fail "components.postgres and components.cnpg are both PostgreSQL: choose one" }}{{ end }}
{{- if and .Values.components.valkey (not .Values.components.redis) }}{{ fail "components.valkey changes what components.redis runs: it needs that" }}{{ end }}
{{- if and .Values.components.redis (index .Values.components "valkey-operator") }}{{ fail "components.redis and components.valkey-operator are both what the gateway keeps keys in: choose one" }}{{ end }}
{{- if and .Values.components.monitoring .Values.components.observe }}{{ fail "components.monitoring is for a Prometheus that is there, components.observe is one: choose one" }}{{ end }}
{{- if and .Values.components.hpa .Values.components.keda }}{{ fail "components.hpa and components.keda scale the same pods: choose one" }}{{ end }}
{{- toYaml $folders }}
{{- end }}

{{/* configuration (dict "root" $ "folders" FOLDERS): all ConfigMaps, as {NAME: {data, plain, labels}}. */}}
{{- define "ordermesh.configuration" -}}
{{- $all := dict }}
{{- range $folder := .folders }}
  {{- $labels := ternary (dict "app.kubernetes.io/part-of" "ordermesh") dict (eq $folder "files/base") }}
  {{- range (fromYaml ($.root.Files.Get (printf "%s/kustomization.yaml" $folder))).configMapGenerator }}
    {{- $data := dig .name "data" dict $all }}
    {{- range .envs }}
      {{- range splitList "\n" ($.root.Files.Get (printf "%s/%s" $folder .)) }}
        {{- if regexMatch "^[A-Z]" . }}{{ $_ := set $data (splitn "=" 2 .)._0 (splitn "=" 2 .)._1 }}{{ end }}
      {{- end }}
    {{- end }}
    {{- range .literals }}{{ $_ := set $data (splitn "=" 2 .)._0 (splitn "=" 2 .)._1 }}{{ end }}
    {{- range .files }}{{ $_ := set $data (base .) ($.root.Files.Get (printf "%s/%s" $folder .)) }}{{ end }}
    {{- $entry := get $all .name | default (dict "plain" (dig "options" "disableNameSuffixHash" false .) "labels" (dig "options" "labels" $labels .)) }}
    {{- $_ := set $all .name (set $entry "data" $data) }}
  {{- end }}
{{- end }}
{{- range $name, $settings := .root.Values.config }}
  {{- $entry := get $all (printf "%s-config" $name) }}
  {{- if not $entry }}{{ fail (printf "config.%s: there is no such process" $name) }}{{ end }}
  {{- range $key, $value := $settings }}{{ $_ := set $entry.data $key (toString $value) }}{{ end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* hashedName (dict "kind" "ConfigMap" "name" NAME "data" DATA): with its content's hash, so that pods follow a change. */}}
{{- define "ordermesh.hashedName" -}}
{{- printf "%s-%s" .name (toJson .data | sha256sum | trunc 10) }}
{{- end }}

{{/* rename (dict "spec" POD-SPEC "names" {configMap: {OLD: NEW}, secret: {OLD: NEW}} "image" IMAGE "cpu" CPU) */}}
{{- define "ordermesh.rename" -}}
{{- range concat .spec.containers (.spec.initContainers | default list) }}
  {{- if eq .image "ordermesh" }}{{ $_ := set . "image" $.image }}{{ end }}
  {{- range .envFrom }}
    {{- if .configMapRef }}{{ $_ := set .configMapRef "name" (get $.names.configMap .configMapRef.name | default .configMapRef.name) }}{{ end }}
    {{- if .secretRef }}{{ $_ := set .secretRef "name" (get $.names.secret .secretRef.name | default .secretRef.name) }}{{ end }}
  {{- end }}
{{- end }}
{{- $sources := list }}
{{- range .spec.volumes }}{{ with .projected }}{{ $sources = concat $sources .sources }}{{ end }}{{ end }}
{{- range $sources }}
  {{- if .configMap }}{{ $_ := set .configMap "name" (get $.names.configMap .configMap.name | default .configMap.name) }}{{ end }}
  {{- if .secret }}{{ $_ := set .secret "name" (get $.names.secret .secret.name | default .secret.name) }}{{ end }}
{{- end }}
{{- range .spec.volumes }}
  {{- if .configMap }}{{ $_ := set .configMap "name" (get $.names.configMap .configMap.name | default .configMap.name) }}{{ end }}
  {{- if .secret }}{{ $_ := set .secret "secretName" (get $.names.secret .secret.secretName | default .secret.secretName) }}{{ end }}
{{- end }}
{{- if .cpu }}{{ $_ := set (first .spec.containers).resources.requests "cpu" .cpu }}{{ end }}
{{- end }}

{{/* An image with all keys of its own: (list $ image). */}}
{{- define "stackstate.image" -}}
{{- $root := index . 0 }}{{ $image := index . 1 -}}
{{ $root.Values.global.imageRegistry | default $image.registry }}/{{ $image.repository }}:{{ $image.tag }}
{{- end }}

{{/* An image of StackState itself, which shares registry, suffix and tag: (list $ image). */}}
{{- define "stackstate.component" -}}
{{- $root := index . 0 }}{{ $image := index . 1 }}{{ $all := $root.Values.stackstate.components.all.image -}}
{{ $root.Values.global.imageRegistry | default $all.registry }}/{{ $image.repository }}{{ $all.repositorySuffix }}:{{ $image.tag | default $all.tag }}
{{- end }}

{{- define "relocation.registry" -}}
{{ .global.imageRegistry | default .image.registry }}
{{- end }}

{{- define "relocation.image" -}}
{{ include "relocation.registry" . }}/{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag }}{{ end }}
{{- end }}

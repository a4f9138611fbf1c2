package report

import (
	"html/template"
	"strings"
)

// page is all of it: nothing is fetched from anywhere.
const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Faults, {{.Run.Began.Format "2006-01-02 15:04:05"}}</title>
<style>
:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
pre { white-space: pre-wrap; background: #8882; padding: .6rem } svg { width: 100%; height: auto } .no { color: #cf222e; font-weight: 600 } .yes { color: #1a7f37 }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
</style></head><body>
<h1>Faults, {{.Run.Began.Format "2006-01-02 15:04:05"}}</h1>
<p>{{.Run.Sentence}}.</p>
<p>{{.Run.Members}} members, {{.Run.Where}}. Again: <code>{{.Run.Command}}</code></p>
{{range .Run.Missing}}<p>Not here: {{.}}.</p>{{end}}
{{.Plot}}
<h2>Verdicts</h2><table><tr><th>rule<th>holds</tr>
{{range .Run.Verdicts}}<tr><td>{{.Rule}}<td>{{if .Findings}}<span class="no">NO</span>{{range .Findings}}<pre>{{.}}</pre>{{end}}{{else}}<span class="yes">yes</span>{{end}}</tr>
{{end}}</table>
<h2>What happened</h2><table><tr><th>at<th>for<th><th>what</tr>
{{range .Run.Story}}<tr><td class="number">{{printf "%.2f" .At.Seconds}} s<td class="number">{{if .For}}{{printf "%.2f" .For.Seconds}} s{{end}}<td>{{.Kind}}<td>{{.What}}</tr>
{{end}}</table>
<h2>Rounds</h2><table><tr><th>round<th>began<th>operations<th>acknowledged<th>as ever after<th>faults</tr>
{{range .Run.Results}}<tr><td class="number">{{.Plan.Number}}<td class="number">{{printf "%.1f" .Began.Seconds}} s<td class="number">{{.Ops}}<td class="number">{{.Acked}}<td class="number">{{printf "%.2f" .Healed.Seconds}} s<td>{{range .Plan.Steps}}{{.}}<br>{{end}}</tr>
{{end}}</table></body></html>
`

var parsed = template.Must(template.New("page").Parse(page))

func (r *Run) html() (string, error) {
	var b strings.Builder
	err := parsed.Execute(&b, struct {
		Run  *Run
		Plot template.HTML
	}{r, template.HTML(r.plot())}) // made of numbers and of names that are written in this source
	return b.String(), err
}

package openapi

import (
	"html"
	"net/http"
	"slices"
	"strings"
)

// head begins a page.
func head(w *markupWriter, title, class string, script bool) {
	w.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/docs.css">
`, title)
	if script {
		w.put(`<script type="module" src="/docs/docs.mjs"></script>` + "\n")
	}
	w.put("</head>\n<body class=\"%s\">\n", class)
}

// reference is the page at /docs.
func (d *Document) reference() string {
	w := &markupWriter{}
	head(w, "bpsc: the API", "all", true)
	w.put(`<a class="skip" href="#content">Skip to the content</a>
<header>
<p class="name"><a href="/">bpsc</a> <span>the API of a %s</span></p>
<form class="find" role="search" hidden><label>Search <input type="search" id="find" placeholder="path, word or code" autocomplete="off"></label> <output id="found" aria-live="polite"></output></form>
</header>
`, strings.Join(d.Nodes.names(), " and "))
	d.navigation(w)
	w.put(`<main id="content" tabindex="-1">
<h1>bpsc: the API</h1>
<div class="prose">%s<p>For programs: <a href="/openapi.json">/openapi.json</a>, OpenAPI 3.1.</p></div>
<form class="token" id="token" hidden><label>Token for what is sent from this page <input type="password" autocomplete="off" spellcheck="false" placeholder="bpsc_…"></label> <small>It stays in this page and is forgotten with it.</small></form>
`, prose(introduction))
	for _, tag := range tags {
		if of := d.about(tag.name); of != nil {
			w.put("<h2 id=\"%s\">%s</h2>\n<div class=\"prose\">%s</div>\n", anchor(tag.name), tag.name, prose(tag.about))
			for _, op := range of {
				d.show(w, op)
			}
		}
	}
	w.put("<h2 id=\"schemas\">Schemas</h2>\n")
	for _, s := range schemas(d.Problems) {
		w.put(`<section class="schema" id="schema-%s" data-find="%s"><h3><a href="#schema-%s"><code>%s</code></a></h3>`, s.name, s.name, s.name, s.name)
		table(w, s.value.(*Schema))
		w.put("</section>\n")
	}
	d.listProblems(w)
	w.put("</main>\n</body>\n</html>\n")
	return w.String()
}

// about are the operations with a tag.
func (d *Document) about(tag string) (list []*Operation) {
	for i := range d.Operations {
		if d.Operations[i].Tag == tag {
			list = append(list, &d.Operations[i])
		}
	}
	return list
}

func (d *Document) navigation(w *markupWriter) {
	w.put("<nav aria-label=\"Operations\">\n")
	for _, tag := range tags {
		of := d.about(tag.name)
		if of == nil {
			continue
		}
		w.put("<section><h2><a href=\"#%s\">%s</a></h2>\n<ul>", anchor(tag.name), tag.name)
		for _, op := range of {
			w.put(`<li data-find="%s"><a href="#%s"><b class="%s">%s</b> %s</a></li>`, op.words(), op.ID, op.Method, op.Method, op.Path)
		}
		w.put("</ul></section>\n")
	}
	w.put("<section><h2><a href=\"#schemas\">Schemas</a></h2></section>\n<section><h2><a href=\"#problems\">Problems</a></h2></section>\n</nav>\n")
}

// words are those by which an operation is found.
func (op *Operation) words() string {
	return op.Method + " " + op.Path + " " + op.Summary + " " + op.ID
}

// show writes an operation.
func (d *Document) show(w *markupWriter, op *Operation) {
	w.put(`<section class="operation" id="%s" aria-labelledby="%s-name" data-find="%s %s">
<h3 id="%s-name"><a href="#%s"><b class="%s">%s</b> <code>%s</code></a></h3>
<p class="summary">%s</p>
<div class="prose">%s</div>
`, op.ID, op.ID, op.words(), strings.Join(op.Codes, " "), op.ID, op.ID, op.Method, op.Method, op.Path, op.Summary, prose(op.text()))
	op.showParameters(w)
	body := ""
	if op.Body != nil {
		w.put("<h4>Body</h4>\n<div class=\"prose\">%s</div>\n", prose(op.Body.About))
		table(w, op.Body.Schema)
		if body = firstExample(op.examples("request", "json", d.Nodes)); body != "" {
			w.put(`<pre tabindex="0" aria-label="Example of a body">%s</pre>`, body)
		}
	}
	w.put("<h4>Answers</h4>\n")
	for _, status := range d.Statuses(op) {
		d.showAnswers(w, op, status)
	}
	w.put("<h4>As a command</h4>\n<pre class=\"curl\" tabindex=\"0\" aria-label=\"The request with curl\">%s</pre>\n", op.curl(body))
	if op.readable() {
		w.put(`<form class="try" data-method="%s" data-path="%s" data-body="%s" hidden></form>`, op.Method, op.filled(), body)
	}
	w.put("</section>\n")
}

// readable tells whether a page can show the answer: it is a text, and ends.
func (op *Operation) readable() bool {
	return !slices.ContainsFunc(op.Answers, func(a Answer) bool {
		return slices.ContainsFunc(a.Content, func(c Content) bool { return c.Type == typeEvents || c.Schema.Format == "binary" })
	})
}

func (op *Operation) showParameters(w *markupWriter) {
	if len(op.InPath)+len(op.Query)+len(op.Headers) == 0 {
		return
	}
	w.put(`<h4>Parameters</h4>
<div class="wide" tabindex="0" role="group" aria-label="Parameters of %s %s"><table><thead><tr><th scope="col">name</th><th scope="col">in</th><th scope="col">type</th><th scope="col">what it is</th></tr></thead><tbody>
`, op.Method, op.Path)
	for _, group := range []struct {
		in   string
		from []*Parameter
	}{{"path", op.InPath}, {"query", op.Query}, {"header", op.Headers}} {
		for _, p := range group.from {
			r := shown(p.Schema)[0]
			w.put("<tr><th scope=\"row\"><code>%s</code></th><td>%s</td><td>%s</td><td>%s</td></tr>\n", p.Name, group.in, r.typeLink(), prose(r.About))
		}
	}
	w.put("</tbody></table></div>\n")
}

func (d *Document) showAnswers(w *markupWriter, op *Operation, status int) {
	text := statusText(status)
	for _, a := range op.Answers {
		if a.Status != status {
			continue
		}
		opened(w, status, "")
		var forms []string
		var schema *Schema
		example := ""
		for _, c := range a.Content {
			forms = append(forms, c.Type)
			if c.Type == typeJSON {
				schema = c.Schema
			}
			if example == "" {
				example = firstExample(op.examples(text, extension(c.Type), d.Nodes))
			}
		}
		w.put("<div class=\"prose\">%s</div>\n<p><small>%s; headers: %s</small></p>\n", prose(a.About), strings.Join(forms, ", "), strings.Join(a.Headers, ", "))
		if schema != nil {
			table(w, schema)
		}
		shut(w, example)
	}
	codes := d.CodesOf(op, status)
	if len(codes) == 0 {
		return
	}
	opened(w, status, strings.Join(codes, ", "))
	w.put("<ul class=\"codes\">")
	for _, code := range codes {
		w.put(`<li><a href="%s%s"><code>%s</code></a> %s</li>`, ProblemPath, code, code, d.byCode[code].Title)
	}
	w.put("</ul>")
	example := ""
	if status >= http.StatusBadRequest {
		example = firstExample(op.examples(text, "json", d.Nodes))
	}
	shut(w, example)
}

func opened(w *markupWriter, status int, codes string) {
	text := statusText(status)
	w.put(`<details><summary><b class="s%s">%s</b> %s <small>%s</small></summary>`, text[:1], text, http.StatusText(status), codes)
}

func shut(w *markupWriter, example string) {
	if example != "" {
		w.put(`<pre tabindex="0" aria-label="Example of an answer">%s</pre>`, example)
	}
	w.put("</details>\n")
}

// table writes what is in a schema.
func table(w *markupWriter, s *Schema) {
	rows := shown(s)
	if len(rows) == 1 {
		w.put("<p>%s</p><div class=\"prose\">%s</div>", rows[0].typeLink(), prose(rows[0].About))
		return
	}
	w.put(`<div class="prose">%s</div><div class="wide" tabindex="0" role="group" aria-label="Members"><table><thead><tr><th scope="col">name</th><th scope="col">type</th><th scope="col">what it is</th></tr></thead><tbody>`+"\n", prose(rows[0].About))
	for _, r := range rows[1:] {
		name := markup("<small>either</small>")
		if r.Name != "" {
			name = markup("<code>" + html.EscapeString(r.Name) + "</code>")
		}
		if r.Required {
			name += " <small>always</small>"
		}
		w.put("<tr class=\"d%d\"><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>\n", r.Depth, name, r.typeLink(), prose(r.About))
	}
	w.put("</tbody></table></div>")
}

// typeLink is the type of a row, which leads to its component.
func (r row) typeLink() markup {
	w := &markupWriter{}
	if r.Link == "" {
		w.put("%s", r.Type)
	} else {
		w.put(`<a href="#schema-%s">%s</a>`, r.Link, r.Type)
	}
	return markup(w.String())
}

func (d *Document) listProblems(w *markupWriter) {
	w.put(`<h2 id="problems">Problems</h2>
<div class="wide" tabindex="0" role="group" aria-label="All codes"><table><thead><tr><th scope="col">code</th><th scope="col">status</th><th scope="col">again?</th><th scope="col">what it means</th></tr></thead><tbody>
`)
	for _, p := range d.Problems {
		again := "no"
		if p.Retryable {
			again = "yes"
		}
		w.put("<tr data-find=\"%s %s\"><th scope=\"row\"><a href=\"%s%s\"><code>%s</code></a></th><td>%d</td><td>%s</td><td>%s</td></tr>\n",
			p.Code, p.Title, ProblemPath, p.Code, p.Code, p.Status, again, p.Title)
	}
	w.put("</tbody></table></div>\n")
}

// explained is the page of a code.
func (d *Document) explained(p Problem) string {
	w := &markupWriter{}
	head(w, p.Code+": "+p.Title, "one", false)
	again := "It would be refused again, as long as nothing else changes."
	if p.Retryable {
		again = "Yes: it has not happened, or it happens once."
	}
	w.put(`<header><p class="name"><a href="/">bpsc</a> <a href="/docs#problems">problems</a></p></header>
<main id="content">
<h1><code>%s</code></h1>
<p class="summary">%s.</p>
<dl>
<dt>Status</dt><dd>%d %s</dd>
<dt>May the same request be sent again?</dt><dd>%s</dd>
<dt>What to do</dt><dd>%s</dd>
</dl>
`, p.Code, p.Title, p.Status, http.StatusText(p.Status), again, prose(p.Advice()))
	w.put("<h2>Where it may come from</h2>\n<ul class=\"operations\">")
	if !slices.ContainsFunc(d.Operations, func(op Operation) bool { return slices.Contains(op.Codes, p.Code) }) {
		w.put("<li>No operation of this node.</li>")
	}
	for i := range d.Operations {
		if op := &d.Operations[i]; slices.Contains(op.Codes, p.Code) {
			w.put(`<li><a href="/docs#%s"><b class="%s">%s</b> <code>%s</code></a> %s</li>`, op.ID, op.Method, op.Method, op.Path, op.Summary)
		}
	}
	w.put("</ul>\n</main>\n</body>\n</html>\n")
	return w.String()
}

package openapi

import (
	"net/http"
	"slices"
)

func nodeOperations() []Operation {
	diagnose := func(id, path, summary string, a Answer) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Tag: "Operations", Nodes: All, Role: "operate", Summary: summary,
			About: "Where the node has somebody to ask. A member notes in the audit log that somebody looked, if it can.", Answers: []Answer{a},
			Codes: slices.Concat(ofRole, ofAudit)}
	}
	document := func(id, path, summary, about string, content Content, in ...*Parameter) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Tag: "Documents", Nodes: All, Summary: summary, About: about, InPath: in, Headers: []*Parameter{withTag},
			Answers: []Answer{{Status: http.StatusOK, About: "The document.", Headers: []string{"ETag", "Cache-Control", "Vary"}, Content: []Content{content}}, unchangedDocument}}
	}
	html := Content{"text/html; charset=utf-8", &Schema{Type: "string"}}
	return []Operation{
		{ID: "sync", Method: http.MethodGet, Path: "/v1/sync", Tag: "Operations", Nodes: Follower, Role: "read",
			Summary: "How a follower keeps up", About: "And what it refused to take, and why.",
			Answers: []Answer{answers(http.StatusOK, "Each chain.", named("Sync"), "Cache-Control")},
			Codes:   ofRole},
		{ID: "livez", Method: http.MethodGet, Path: "/livez", Tag: "Operations", Nodes: All, Summary: "The process answers", About: "It asks nothing of the cluster: without a leader it is as good.",
			Answers: []Answer{texts(http.StatusOK, "`ok`", "Cache-Control")}},
		{ID: "readyz", Method: http.MethodGet, Path: "/readyz", Tag: "Operations", Nodes: All, Summary: "The node is to get requests", About: "For a load balancer: 503 says that others are to get them.",
			Query:   []*Parameter{{Name: "verbose", Schema: text("Say what was looked at.")}},
			Answers: []Answer{texts(http.StatusOK, "`ok`, or what was looked at.", "Cache-Control"), texts(http.StatusServiceUnavailable, "Why not.", "Cache-Control")}},
		{ID: "metrics", Method: http.MethodGet, Path: "/metrics", Tag: "Operations", Nodes: All, Summary: "Figures, for Prometheus", About: "Each is in docs/metrics.md.",
			Answers: []Answer{texts(http.StatusOK, "The figures, in the form that was asked for.", "Vary")}},
		diagnose("diagnostics", "/v1/diagnostics", "How a node is, for whoever runs it", answers(http.StatusOK, "The process, the disk, the log.", named("Diagnostics"), "Cache-Control")),
		diagnose("recentLog", "/v1/diagnostics/log", "The last lines of its log", texts(http.StatusOK, "As they were written.", "Cache-Control")),
		diagnose("goroutines", "/v1/diagnostics/goroutines", "The stacks of its goroutines", texts(http.StatusOK, "What it is doing, or hangs in.", "Cache-Control")),
		document("openAPI", "/openapi.json", "This description", "Each node has the paths that it answers.", Content{typeJSON, &Schema{Type: "object"}}),
		document("docs", "/docs", "This description, for people", "Whole without its script, which adds a search and requests sent from the page.", html),
		document("docsFile", "/docs/{file}", "What the page loads", "Its style and its script.", Content{"text/css; charset=utf-8", &Schema{Type: "string"}}, inPath("file", text("`docs.css` or `docs.mjs`."))).
			or(Content{"text/javascript; charset=utf-8", &Schema{Type: "string"}}),
		document("docsProblem", "/docs/problems/{code}", "What a code means, and what to do", "It is the `type` of the problems with that code.", html, inPath("code", about("Code", "The code."))),
	}
}

var unchangedDocument = Answer{Status: 304, About: unchanged.About, Headers: []string{"ETag", "Cache-Control", "Vary"}}

// or is the operation whose answer has another form, too.
func (op Operation) or(c Content) Operation {
	op.Answers = slices.Clone(op.Answers)
	op.Answers[0] = op.Answers[0].or(c.Type, c.Schema)
	return op
}

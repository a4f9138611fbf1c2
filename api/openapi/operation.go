package openapi

import "slices"

// Nodes are kinds of nodes, a set.
type Nodes uint8

// The kinds of nodes.
const (
	Member   Nodes = 1 << iota // a replica in the cluster
	Follower                   // a node outside of it
	All      = Member | Follower
)

// names are those of the kinds, as the document has them.
func (n Nodes) names() (list []string) {
	if n&Member != 0 {
		list = append(list, "member")
	}
	if n&Follower != 0 {
		list = append(list, "follower")
	}
	return list
}

// Operation is a method of a path: what it takes, and what it answers.
type Operation struct {
	ID     string // stable: clients that are generated have a function of that name
	Method string
	Path   string // as OpenAPI has it: {id}
	Tag    string
	Nodes  Nodes // who answers; others of a member's say not_here
	// Role is what a token needs to have: read, submit, operate; "" for none.
	Role    string
	Summary string // a line
	About   string // what else there is to say, in CommonMark
	// Instead is the path that new programs call, of one that is the tutorial's.
	Instead string

	InPath  []*Parameter
	Query   []*Parameter
	Headers []*Parameter
	Body    *Body
	Answers []Answer
	Codes   []string // of its problems; with their statuses
	// Besides are headers of its problems that only this operation has.
	Besides []string
	// NoHead: there is no HEAD of this GET, which changes something or costs much.
	NoHead bool
	// Like is the operation whose examples are its own, too.
	Like string
	// Slashes: the last parameter of the path takes the rest of it, slashes and all.
	Slashes bool
}

// Parameter is one of the path, the query or the header.
type Parameter struct {
	Name   string
	Schema *Schema
	Nodes  Nodes // who takes it; 0: who answers at all
}

// of are those that nodes of some kinds take.
func of(list []*Parameter, nodes Nodes) []*Parameter {
	return slices.DeleteFunc(slices.Clone(list), func(p *Parameter) bool { return p.Nodes != 0 && p.Nodes&nodes == 0 })
}

// only are parameters that one kind of node takes.
func only(nodes Nodes, list []*Parameter) (these []*Parameter) {
	for _, p := range list {
		these = append(these, &Parameter{p.Name, p.Schema, nodes})
	}
	return these
}

// Body is what a request carries.
type Body struct {
	Optional bool
	Schema   *Schema
	About    string
}

// Answer is what comes back where there is no problem.
type Answer struct {
	Status  int
	Nodes   Nodes // who answers so; 0: who answers at all
	About   string
	Headers []string // names in the table of headers
	Content []Content
}

// Content is one form of an answer.
type Content struct {
	Type   string // media type
	Schema *Schema
}

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
	typeLines   = "application/x-ndjson"
	typeEvents  = "text/event-stream"
	typeText    = "text/plain; charset=utf-8"
	typeBytes   = "application/octet-stream"
)

// json is an answer of one form.
func answers(status int, about string, schema *Schema, headers ...string) Answer {
	return Answer{Status: status, About: about, Headers: headers, Content: []Content{{typeJSON, schema}}}
}

// texts is an answer that is a text.
func texts(status int, about string, headers ...string) Answer {
	return Answer{Status: status, About: about, Headers: headers, Content: []Content{{typeText, &Schema{Type: "string"}}}}
}

// by is the answer of one kind of node only.
func (a Answer) by(n Nodes) Answer {
	a.Nodes = n
	return a
}

// or is the answer in another form, too.
func (a Answer) or(mediaType string, schema *Schema) Answer {
	a.Content = append(slices.Clone(a.Content), Content{mediaType, schema})
	return a
}

// unchanged is the answer to a client that has it already.
var unchanged = Answer{Status: 304, About: "The client has it: one of the tags of `If-None-Match` is the answer's.", Headers: ofTagged}

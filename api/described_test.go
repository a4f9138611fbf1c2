package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/internal/protocol"
)

// colons are the verbs that a route with an id stands for.
var colons = map[string][]string{
	"POST /v1/holds/:id":           {"/v1/holds/{id}:accept", "/v1/holds/{id}:reject"},
	"POST /v1/cluster/members/:id": {"/v1/cluster/members/{id}:promote", "/v1/cluster/members/{id}:demote", "/v1/cluster/members/{id}:remove", "/v1/cluster/members/{id}:replace"},
}

// ofThePage tells of a route that serves what the page loads, which is no part of the API.
func ofThePage(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return path == "/" || strings.HasPrefix(path, "/assets/")
}

var parameter = regexp.MustCompile(`[:*]([a-z]+)`)

// pathsOf are the paths of the description that a route is.
func pathsOf(route string) []string {
	if verbs := colons[route]; verbs != nil {
		return verbs
	}
	_, path, _ := strings.Cut(route, " ")
	verb := ""
	if i := strings.LastIndex(path, ":"); i > 0 && path[i-1] != '/' { // :batch
		path, verb = path[:i], path[i:]
	}
	return []string{parameter.ReplaceAllString(path, "{$1}") + verb}
}

// servers are a member and a follower with all that they may serve.
func servers(t *testing.T) (member, follower *server) {
	t.Helper()
	f, n := newFake(), newFakeNode()
	cfg := DefaultConfig()
	cfg.Metrics = http.NotFoundHandler()
	cfg.Diagnostics = diagnosed{}
	m, err := newMember(cfg, f, f, f, f)
	require.NoError(t, err)
	m.routes()
	s, err := newServer(cfg, f, f)
	require.NoError(t, err)
	(&followerServer{server: s, node: n, personal: n, relay: n}).routes()
	return m.server, s
}

type diagnosed struct{}

func (diagnosed) Diagnose() Diagnostics { return Diagnostics{} }
func (diagnosed) RecentLog() []byte     { return nil }

// Every route is described, for the nodes that have it, with the names of its query; and
// nothing else is.
func TestRoutesAreThoseThatAreDescribed(t *testing.T) {
	member, follower := servers(t)
	whole := Description(openapi.All)
	find := func(method, path string) *openapi.Operation {
		i := slices.IndexFunc(whole.Operations, func(op openapi.Operation) bool { return op.Method == method && op.Path == path })
		if i < 0 {
			return nil
		}
		return &whole.Operations[i]
	}
	routed := map[openapi.Nodes]map[string]bool{openapi.Member: {}, openapi.Follower: {}}
	for kind, s := range map[openapi.Nodes]*server{openapi.Member: member, openapi.Follower: follower} {
		routes := s.queryNames.Routes()
		for route, names := range routes {
			if ofThePage(route) {
				continue
			}
			method, _, _ := strings.Cut(route, " ")
			if method == http.MethodHead {
				require.Contains(t, routes, "GET"+strings.TrimPrefix(route, "HEAD"), route)
				continue
			}
			for _, path := range pathsOf(route) {
				op := find(method, path)
				require.NotNil(t, op, "api/openapi does not describe %s (%s)", route, path)
				routed[kind][method+" "+path] = true
				if op.Nodes&kind == 0 {
					continue // it says not_here
				}
				require.ElementsMatch(t, names, namesOf(op, kind), "the query of %s", route)
				if method == http.MethodGet {
					_, head := routes["HEAD"+strings.TrimPrefix(route, "GET")]
					require.Equal(t, !op.NoHead, head, "HEAD of %s", route)
				}
			}
		}
	}
	for _, op := range whole.Operations {
		for kind, routes := range routed {
			if op.Nodes&kind != 0 && op.Path != "/metrics" { // which is another's handler
				require.True(t, routes[op.Method+" "+op.Path], "there is no route %s %s on %d", op.Method, op.Path, kind)
			}
		}
	}
}

// namesOf are those of a query that the route has to know; ?verbose is only looked for.
func namesOf(op *openapi.Operation, kind openapi.Nodes) (names []string) {
	for _, p := range op.Query {
		if p.Name != "verbose" && (p.Nodes == 0 || p.Nodes&kind != 0) {
			names = append(names, p.Name)
		}
	}
	return names
}

// What a follower has of a member's paths says that a member is to be asked.
func TestFollowersSayWhatOnlyMembersDo(t *testing.T) {
	h := newFollower(t, newFake(), newFakeNode())
	for _, op := range Description(openapi.All).Operations {
		if op.Nodes != openapi.Member {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			path := strings.NewReplacer("{id}", "x").Replace(op.Path)
			requireProblem(t, call(h, op.Method, path, "{}"), http.StatusNotFound, "not_here", "")
		})
	}
}

// Every code that there is stands with the operations that may answer so, and no other.
func TestEveryCodeIsWhereItMayBe(t *testing.T) {
	of := map[string]string{
		"method_not_allowed": "what no operation is for",
		// Of the members' own requests, which no client can send.
		"members_full": "a member", "member_not_configured": "a member", "member_key_fixed": "a member",
		"endorsement_wrong": "a member", "recovery_invalid": "a member", "attestation_wrong": "a member",
	}
	said := map[string]bool{}
	for _, op := range Description(openapi.All).Operations {
		for _, code := range op.Codes {
			require.Contains(t, problem.Codes(), code, "%s has a code that there is none of", op.ID)
			said[code] = true
		}
	}
	for _, code := range problem.Codes() {
		if of[code] == "" {
			require.True(t, said[code], "no operation has the code %s", code)
		} else {
			require.False(t, said[code], "%s is of %s", code, of[code])
		}
	}
}

// The schemas of answers that are structs have their members: a member of a struct that is
// not described fails here, and so does one that is described and not there.
func TestSchemasAreTheStructsThatAreAnswered(t *testing.T) {
	text, err := Description(openapi.All).JSON()
	require.NoError(t, err)
	var doc struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(text, &doc))
	for name, value := range map[string]any{
		"Problem": protocol.Problem{}, "ContractState": contractAnswer{}, "Account": accountAnswer{}, "Holds": holdsAnswer{},
		"Moment": momentAnswer{}, "Cluster": ClusterStatus{}, "MemberStatus": MemberStatus{}, "ClusterEvents": ClusterEvents{}, "MembersChanged": MembersChanged{},
		"Activation": Activation{}, "AccessTokenMade": tokenAnswer{}, "TokenAsked": tokenRequest{}, "LevelAsked": activationRequest{},
		"AuditEntry": auditAnswer{}, "Diagnostics": Diagnostics{}, "Hold": struct {
			holdAnswer
			appliedAt
		}{},
	} {
		t.Run(name, func(t *testing.T) { sameMembers(t, doc.Components.Schemas[name], reflect.TypeOf(value)) })
	}
}

// sameMembers compares a schema with a struct, and with the structs in it.
func sameMembers(t *testing.T, schema map[string]any, of reflect.Type) {
	t.Helper()
	if schema["$ref"] != nil {
		return // compared by its own name
	}
	properties, _ := schema["properties"].(map[string]any)
	fields := fieldsOf(of)
	require.ElementsMatch(t, slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(properties)), "members of %s", of)
	for name, f := range fields {
		inside := f.Type
		described, _ := properties[name].(map[string]any)
		if inside.Kind() == reflect.Slice {
			inside = inside.Elem()
			described, _ = described["items"].(map[string]any)
		}
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		if inside.Kind() == reflect.Struct && described["properties"] != nil {
			sameMembers(t, described, inside)
		}
	}
}

// fieldsOf are the fields of a struct, and of those embedded in it, by their names in JSON.
func fieldsOf(of reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inside := f.Type
			if inside.Kind() == reflect.Pointer {
				inside = inside.Elem()
			}
			maps.Copy(fields, fieldsOf(inside))
		case name != "" && name != "-":
			fields[name] = f
		}
	}
	return fields
}

// The document is good by the rules of OpenAPI and of JSON Schema, its examples are good by
// its own schemas, and each node's part of it is, too.
func TestDocumentIsValid(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	for _, nodes := range []openapi.Nodes{openapi.All, openapi.Member, openapi.Follower} {
		text, err := Description(nodes).JSON()
		require.NoError(t, err)
		doc, err := openapi3.NewLoader().LoadFromData(text)
		require.NoError(t, err)
		require.NoError(t, doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()))
	}
}

// Examples are checked as strictly as the answers of tests are.
func TestExamplesAreAsTheNodesAnswer(t *testing.T) {
	d := described()
	files, err := os.ReadDir("openapi/examples")
	require.NoError(t, err)
	require.Greater(t, len(files), 50)
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			parts := strings.Split(file.Name(), ".")
			i := slices.IndexFunc(d.Operations, func(op openapi.Operation) bool { return op.ID == parts[0] })
			require.GreaterOrEqual(t, i, 0, "it is of no operation")
			op := &d.Operations[i]
			body, err := os.ReadFile("openapi/examples/" + file.Name())
			require.NoError(t, err)
			if parts[1] == "request" {
				s, err := d.schema("paths", op.Path, strings.ToLower(op.Method), "requestBody", "content", "application/json", "schema")
				require.NoError(t, err)
				require.NoError(t, validate(s, body))
				return
			}
			status, err := strconv.Atoi(parts[1])
			require.NoError(t, err)
			mediaType := map[string]string{"json": "application/json", "txt": "text/plain", "ndjson": "application/x-ndjson"}[parts[len(parts)-1]]
			switch {
			case status >= 400:
				mediaType = "application/problem+json"
			case op.ID == "events":
				mediaType = "text/event-stream"
			}
			require.NoError(t, d.checkBody(op, status, mediaType, body))
			if mediaType == "application/x-ndjson" {
				s, err := d.schema("components", "schemas", "Block")
				require.NoError(t, err)
				for line := range bytes.Lines(body) {
					require.NoError(t, validate(s, line))
				}
			}
		})
	}
}

// What we ask of descriptions, beyond what makes a document valid and what scripts/openapi-lint.sh
// looks at: ids that are said once, tags, parameters of paths, and what each parameter is.
func TestDescriptionsAreWhole(t *testing.T) {
	d := Description(openapi.All)
	for _, op := range d.Operations {
		require.Regexp(t, `^[a-z][A-Za-z]+$`, op.ID)
		require.Regexp(t, `^[A-Z].*[^.]$`, op.Summary, "%s: a line without a full stop", op.ID)
		require.NotEmpty(t, op.Answers, op.ID)
		for _, a := range op.Answers {
			require.NotEmpty(t, a.About, "%s %d", op.ID, a.Status)
			require.Contains(t, []int{200, 201, 204, 304, 503}, a.Status, op.ID)
		}
		require.Equal(t, op.Method != http.MethodGet || op.NoHead, slices.Contains(op.Codes, "origin_foreign"),
			"%s: what changes something is not for pages of other sites", op.ID)
		if op.Role != "" {
			require.Contains(t, op.Codes, "role_missing", op.ID)
		}
	}
	for _, tag := range []string{"Tutorial", "Transactions"} {
		require.True(t, slices.ContainsFunc(d.Operations, func(op openapi.Operation) bool { return op.Tag == tag }))
	}
	withoutExample := []string{"minePost", "rejectHold", "backup", "tile", "goroutines", "recentLog", "openAPI", "docs", "docsProblem", "docsFile", "addMember", "promoteMember", "demoteMember", "removeMember", "replaceMember", "readyz"}
	text, err := d.JSON()
	require.NoError(t, err)
	var doc struct {
		Paths map[string]map[string]struct {
			ID        string `json:"operationId"`
			Responses map[string]struct {
				Content map[string]struct{ Examples map[string]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &doc))
	for path, item := range doc.Paths {
		for method, op := range item {
			examples := 0
			for _, answer := range op.Responses {
				for _, content := range answer.Content {
					examples += len(content.Examples)
				}
			}
			if !slices.Contains(withoutExample, op.ID) && !slices.Contains([]string{"revokeToken", "removeNode"}, op.ID) {
				require.Positive(t, examples, "%s %s has no example: scripts/api-examples.sh", method, path)
			}
		}
	}
	for _, p := range d.Problems {
		require.NotEmpty(t, p.Advice(), p.Code)
	}
	for _, code := range openapi.Advised() {
		require.Contains(t, problem.Codes(), code, "advice about a code that there is none of")
	}
}

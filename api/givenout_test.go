package api

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/openapi"
)

const (
	documentFile   = "../docs/openapi.json"
	collectionFile = "../docs/postman/bpsc.json"
)

// committed is the document that was given out last, which clients were made from.
func committed(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(documentFile)
	require.NoError(t, err, "make openapi")
	return text
}

// indented is a document as it is kept, a line for each member.
func indented(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, text, "", " "))
	return out.Bytes()
}

// BPSC_WRITE_OPENAPI=1 writes the document, as make openapi does. What breaks clients is
// refused all the same: it belongs under another path.
func TestDocumentIsTheOneGivenOut(t *testing.T) {
	text, err := Description(openapi.All).JSON()
	require.NoError(t, err)
	now := indented(t, text)
	writes := os.Getenv("BPSC_WRITE_OPENAPI") != ""
	if before, err := os.ReadFile(documentFile); err == nil || !writes {
		require.NoError(t, err)
		broken, err := openapi.Broken(before, now)
		require.NoError(t, err)
		require.Empty(t, broken, "this would break clients of the API")
	}
	collection, err := Description(openapi.All).Collection()
	require.NoError(t, err)
	if writes {
		require.NoError(t, os.WriteFile(documentFile, now, 0o644))
		require.NoError(t, os.WriteFile(collectionFile, collection, 0o644))
	}
	require.True(t, bytes.Equal(now, committed(t)), "docs/openapi.json is another one: make openapi")
	kept, err := os.ReadFile(collectionFile)
	require.NoError(t, err)
	require.True(t, bytes.Equal(collection, kept), "docs/postman/bpsc.json is another one: make openapi")
}

// Each rule of what breaks clients, on the document itself.
func TestWhatBreaksClientsIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	before := committed(t)
	type object = map[string]any
	op := func(doc object, path, method string) object {
		return doc["paths"].(object)[path].(object)[method].(object)
	}
	schema := func(doc object, name string) object {
		return doc["components"].(object)["schemas"].(object)[name].(object)
	}
	for name, tc := range map[string]struct {
		change func(doc object)
		want   string // "": an addition
	}{
		"a path goes":                {func(doc object) { delete(doc["paths"].(object), "/v1/blocks") }, "GET /v1/blocks: is gone"},
		"a method goes":              {func(doc object) { delete(doc["paths"].(object)["/mine"].(object), "post") }, "POST /mine: is gone"},
		"a name of an operation":     {func(doc object) { op(doc, "/v1/blocks", "get")["operationId"] = "x" }, "GET /v1/blocks: operationId was blocks, is x"},
		"a node answers no more":     {func(doc object) { op(doc, "/v1/blocks", "get")["x-bpsc-nodes"] = []any{"member"} }, "a follower answers it no more"},
		"a status goes":              {func(doc object) { delete(op(doc, "/v1/transactions", "post")["responses"].(object), "201") }, "POST /v1/transactions 201: is gone"},
		"a member of an answer goes": {func(doc object) { delete(schema(doc, "Decided")["properties"].(object), "block") }, "block is gone"},
		"a member may be missing":    {func(doc object) { schema(doc, "Decided")["required"] = []any{"id"} }, "block may be missing"},
		"another type of a member":   {func(doc object) { schema(doc, "Cluster")["properties"].(object)["term"] = object{"type": "string"} }, "term: may be string now"},
		"a code goes":                {func(doc object) { e := schema(doc, "Code"); e["enum"] = e["enum"].([]any)[1:] }, "is gone"},
		"a new member has to be sent": {func(doc object) {
			s := schema(doc, "TokenAsked")
			s["required"] = append(s["required"].([]any), "contract")
		}, "contract is required"},
		"a member is taken no more": {func(doc object) { delete(schema(doc, "TokenAsked")["properties"].(object), "expires") }, "takes no expires"},
		"a narrower type": {func(doc object) {
			schema(doc, "AmountAsked")["anyOf"] = schema(doc, "AmountAsked")["anyOf"].([]any)[:1]
		}, "a form of it is gone"},
		"a lower most": {func(doc object) { schema(doc, "TokenAsked")["properties"].(object)["name"].(object)["maxLength"] = 3 }, "maxLength is 3"},
		"a parameter goes": {func(doc object) {
			o := op(doc, "/v1/blocks", "get")
			o["parameters"] = o["parameters"].([]any)[1:]
		}, "the parameter query contract is gone"},
		"a parameter is required": {func(doc object) {
			o := op(doc, "/v1/blocks", "get")
			o["parameters"] = append(o["parameters"].([]any), object{"name": "x", "in": "query", "required": true, "schema": object{}})
		}, "the parameter query x is required"},
		"a header goes": {func(doc object) {
			delete(op(doc, "/v1/blocks", "get")["responses"].(object)["200"].(object)["headers"].(object), "ETag")
		}, "the header ETag is gone"},
		"a form goes": {func(doc object) {
			delete(op(doc, "/smart/chain", "get")["responses"].(object)["200"].(object)["content"].(object), "application/x-ndjson")
		}, "no application/x-ndjson any more"},
		"a body is required": {func(doc object) { op(doc, "/v1/cluster:activate", "post")["requestBody"].(object)["required"] = true }, "a body is required"},

		"a path comes":        {func(doc object) { doc["paths"].(object)["/v1/new"] = object{} }, ""},
		"a member comes":      {func(doc object) { schema(doc, "Decided")["properties"].(object)["new"] = object{"type": "string"} }, ""},
		"a field may be sent": {func(doc object) { schema(doc, "TokenAsked")["properties"].(object)["new"] = object{"type": "string"} }, ""},
		"a code comes":        {func(doc object) { e := schema(doc, "Code"); e["enum"] = append(e["enum"].([]any), "new") }, ""},
		"nothing":             {func(object) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var doc object
			require.NoError(t, json.Unmarshal(before, &doc))
			tc.change(doc)
			after, err := json.Marshal(doc)
			require.NoError(t, err)
			broken, err := openapi.Broken(before, after)
			require.NoError(t, err)
			if tc.want == "" {
				require.Empty(t, broken)
				return
			}
			require.Contains(t, strings.Join(broken, "\n"), tc.want)
		})
	}
	_, err := openapi.Broken(before, []byte("{"))
	require.Error(t, err)
}

package openapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// Collection is the description as a collection of Postman (v2.1.0), which newman runs too:
// the tutorial's walk and the same under /v1, each step with its tests, and then every
// operation by what it is about.
func (d *Document) Collection() ([]byte, error) {
	items := []members{
		folder("The tutorial's walk", "The steps of the tutorial, on a cluster and a follower of it. Run them in their order.", tutorialWalk()),
		folder("The same under /v1", "What new programs call.", newWalk()),
	}
	for _, tag := range tags {
		var requests []members
		for i := range d.Operations {
			if op := &d.Operations[i]; op.Tag == tag.name {
				requests = append(requests, d.request(op))
			}
		}
		if requests != nil {
			items = append(items, folder(tag.name, tag.about, requests))
		}
	}
	variable := func(key, value string) members { return members{{"key", key}, {"value", value}} }
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(members{
		{"info", members{{"name", "bpsc"}, {"description", "The API of a block producer smart contract. Made from its description (docs/openapi.json): change it there."},
			{"schema", "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}}},
		{"variable", []members{variable("member", "http://127.0.0.1:5000"), variable("follower", "http://127.0.0.1:5001"), variable("token", "")}},
		{"item", items},
	})
	return out.Bytes(), err
}

func folder(name, about string, items []members) members {
	return members{{"name", name}, {"description", about}, {"item", items}}
}

// request is an operation with something in the place of its parameters.
func (d *Document) request(op *Operation) members {
	node := "{{member}}"
	if op.Nodes == Follower {
		node = "{{follower}}"
	}
	path := op.Path
	variables := []members{}
	for _, p := range op.InPath {
		path = strings.Replace(path, "{"+p.Name+"}", ":"+p.Name, 1)
	}
	if i := strings.LastIndex(path, ":"); i > 0 && path[i-1] != '/' || op.Slashes {
		path = op.filled() // Postman knows parameters of whole segments only
	} else {
		for _, p := range op.InPath {
			variables = append(variables, members{{"key", p.Name}, {"value", strings.TrimPrefix((&Operation{Path: "{" + p.Name + "}"}).filled(), "/")}})
		}
	}
	url := members{{"raw", node + path}, {"host", []string{node}}, {"path", strings.Split(strings.TrimPrefix(path, "/"), "/")}}
	if len(variables) > 0 {
		url.set("variable", variables)
	}
	var query []members
	for _, p := range op.Query {
		query = append(query, members{{"key", p.Name}, {"value", ""}, {"description", p.Schema.Description}, {"disabled", true}})
	}
	if query != nil {
		url.set("query", query)
	}
	headers := []members{}
	for _, p := range op.Headers {
		headers = append(headers, members{{"key", p.Name}, {"value", ""}, {"description", p.Schema.Description}, {"disabled", true}})
	}
	request := members{{"method", op.Method}, {"header", headers}, {"url", url}, {"description", op.text()}}
	if op.Role == "operate" {
		request.set("auth", members{{"type", "bearer"}, {"bearer", []members{{{"key", "token"}, {"value", "{{token}}"}, {"type", "string"}}}}})
	}
	if op.Body != nil {
		request.set("body", rawBody(firstExample(op.examples("request", "json", d.Nodes))))
	}
	return members{{"name", op.Summary}, {"request", request}}
}

func rawBody(text string) members {
	return members{{"mode", "raw"}, {"raw", text}, {"options", members{{"raw", members{{"language", "json"}}}}}}
}

// step is a request of a walk, with the lines of its tests.
func step(name, method, url, body string, tests ...string) members {
	request := members{{"method", method}, {"header", []members{}}, {"url", url}}
	if body != "" {
		request.set("body", rawBody(body))
	}
	return members{{"name", name}, {"request", request}, {"event", []members{{{"listen", "test"}, {"script", members{{"type", "text/javascript"}, {"exec", tests}}}}}}}
}

// with is a step with another header.
func with(s members, key, value string) members {
	request := s.get("request").(members)
	request[1].value = []members{{{"key", key}, {"value", value}}}
	return s
}

const (
	answer  = "const answer = pm.response.json();"
	created = `pm.test("201", () => pm.response.to.have.status(201));`
	okay    = `pm.test("200", () => pm.response.to.have.status(200));`
)

func tutorialWalk() []members {
	transfer := `{"sender":"alice","amount":1000000,"recipient":"bob"}`
	return []members{
		step("Something is missing", http.MethodPost, "{{member}}/transactions/new", `{"sender":"alice","amount":12.5}`, answer,
			`pm.test("400", () => pm.response.to.have.status(400));`,
			`pm.test("the tutorial's sentence", () => pm.expect(answer.detail).to.eql("Missing values"));`),
		step("A transfer", http.MethodPost, "{{member}}/transactions/new", transfer, answer, created,
			`pm.test("it goes into a block", () => pm.expect(answer.message).to.match(/^Transaction will be added to Block \d+$/));`,
			`pm.test("the fee is 50 millionths", () => pm.expect([answer.amount_send, answer.amount_bpsc, answer.amount_receive]).to.eql([1000000, 50, 999950]));`,
			`pm.collectionVariables.set("block", answer.block);`, `pm.collectionVariables.set("id", answer.id);`),
		step("Produce a block", http.MethodGet, "{{member}}/mine", "", answer, okay,
			`pm.test("New Block Forged", () => pm.expect(answer.message).to.eql("New Block Forged"));`,
			`pm.test("it is the block that was said", () => pm.expect(answer.index).to.eql(Number(pm.collectionVariables.get("block"))));`,
			`pm.test("the transfer is in it", () => pm.expect(answer.transactions.map((t) => t.id)).to.include(pm.collectionVariables.get("id")));`),
		step("The chain", http.MethodGet, "{{member}}/chain", "", answer, okay,
			`pm.test("its blocks are linked", () => answer.chain.forEach((block, i) => pm.expect(block.index).to.eql(i + 1)));`,
			`pm.test("the length is said", () => pm.expect(answer.length).to.eql(answer.chain.length));`),
		step("Nodes for the directory", http.MethodPost, "{{member}}/nodes/register", `{"nodes":["http://127.0.0.1:5001","http://127.0.0.1:5002"]}`, answer, created,
			`pm.test("they are in it", () => pm.expect(answer.total_nodes).to.include.members(["127.0.0.1:5001", "127.0.0.1:5002"]));`),
		step("No list of nodes", http.MethodPost, "{{member}}/nodes/register", `{}`, answer,
			`pm.test("400", () => pm.response.to.have.status(400));`,
			`pm.test("the tutorial's sentence", () => pm.expect(answer.detail).to.eql("Error: Please supply a valid list of nodes"));`),
		step("A follower gets the chain", http.MethodGet, "{{follower}}/smart/chain", "", answer, okay,
			`pm.test("from the BPSC", () => pm.expect(answer.message).to.eql("Smart chain update by bpsc"));`,
			`pm.test("all of it", () => pm.expect(answer["smart chain"].length).to.be.at.least(Number(pm.collectionVariables.get("block"))));`),
		step("A follower hands a transfer on", http.MethodPost, "{{follower}}/transactions/new", transfer, answer, created,
			`pm.test("it goes into the next block", () => pm.expect(answer.block).to.be.above(Number(pm.collectionVariables.get("block"))));`),
		step("Information for the follower's own chain", http.MethodPost, "{{follower}}/information/new", `{"information":"the courier came at noon"}`, answer, created,
			`pm.test("it goes into a block", () => pm.expect(answer.message).to.match(/^information will be added to Block \d+$/));`),
		step("The follower's own block", http.MethodGet, "{{follower}}/mine", "", answer, okay,
			`pm.test("New Block Forged", () => pm.expect(answer.message).to.eql("New Block Forged"));`,
			`pm.test("the information is in it", () => pm.expect(answer.information).to.deep.include({ information: "the courier came at noon" }));`),
		step("The follower's own chain", http.MethodGet, "{{follower}}/chain2", "", answer, okay,
			`pm.test("its length is said", () => pm.expect(answer.length).to.eql(answer.chain2.length));`),
	}
}

func newWalk() []members {
	transfer := `{"sender":"alice","amount":"12.5","recipient":"bob","memo":"invoice 1207"}`
	return []members{
		with(step("A transfer with a key", http.MethodPost, "{{member}}/v1/transactions", transfer, answer, created,
			`pm.test("it is final", () => pm.expect(answer.status).to.eql("final"));`,
			`pm.test("it says where to read it", () => pm.expect(pm.response.headers.get("Location")).to.eql("/v1/transactions/" + answer.id));`,
			`pm.collectionVariables.set("id", answer.id);`), "Idempotency-Key", "{{$guid}}"),
		step("What became of it", http.MethodGet, "{{follower}}/v1/transactions/{{id}}", "", answer, okay,
			`pm.test("any node says the same", () => pm.expect([answer.id, answer.status]).to.eql([pm.collectionVariables.get("id"), "final"]));`),
		step("A block, byte for byte", http.MethodGet, "{{member}}/v1/blocks/1", "", okay,
			`pm.test("its tag is its hash", () => pm.expect(pm.response.headers.get("ETag")).to.eql('"' + require("crypto-js").SHA256(pm.response.text()).toString() + '"'));`),
		step("A wallet", http.MethodGet, "{{member}}/v1/accounts/bob", "", answer, okay,
			`pm.test("it has something", () => pm.expect(answer.balance).to.be.above(0));`),
		step("A batch", http.MethodPost, "{{member}}/v1/transactions:batch", `{"transactions":[{"sender":"alice","amount":1,"recipient":"bob"},{"sender":"alice","amount":0,"recipient":"bob"}]}`, answer, okay,
			`pm.test("each has its own result", () => pm.expect(answer.results.map((r) => r.status)).to.eql(["final", "refused"]));`),
		step("A problem", http.MethodGet, "{{member}}/v1/contracts/nothing", "", answer,
			`pm.test("404", () => pm.response.to.have.status(404));`,
			`pm.test("a code for programs", () => pm.expect(answer.code).to.eql("contract_unknown"));`,
			`pm.collectionVariables.set("type", answer.type);`),
		step("Its page", http.MethodGet, "{{member}}{{type}}", "", okay,
			`pm.test("it says what to do", () => pm.expect(pm.response.text()).to.include("What to do"));`),
		step("The description", http.MethodGet, "{{member}}/openapi.json", "", answer, okay,
			`pm.test("OpenAPI 3.1", () => pm.expect(answer.openapi).to.eql("3.1.0"));`),
	}
}

package verify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A member that tells of an account, a hold or a block other than what its
// chain comes to is found out.
func TestMember(t *testing.T) {
	records := []string{transferBy(ann), holdBy(ann)}
	second := block(signedGenesis, 2, "110.0", "request", "5e-05", records...)
	second = strings.Replace(second, `"held": 0, "issued": 0`, `"held": 2, "issued": 10`, 1)
	account := func(balance string) string { return `{"balance":` + balance + `,"receive":"auto","frozen":false}` }
	answers := map[string]string{
		"/chain":                          `{"chain": [` + signedGenesis + `, ` + second + `], "length": 2}`,
		"/v1/blocks/1":                    signedGenesis,
		"/v1/blocks/2":                    second,
		"/v1/accounts/" + ann.address:     account("7"),
		"/v1/accounts/" + bob.address:     account("0.99995"),
		"/v1/accounts/" + WalletOf("aka"): account("5e-05"),
		"/v1/holds/" + idOf(records[1]): fmt.Sprintf(`{"status":"pending","sender":"%s","recipient":"%s","amount":2,"hold_until":150}`,
			ann.address, bob.address),
	}
	for _, c := range []struct{ name, path, old, replacement, complaint string }{
		{name: "an honest member"},
		{"a unit more", "/v1/accounts/" + bob.address, "0.99995", "0.999951", "its records give"},
		{"a wallet that is frozen", "/v1/accounts/" + bob.address, "false", "true", "its records give"},
		{"a wallet that is closed", "/v1/accounts/" + bob.address, "auto", "closed", "its records give"},
		{"a hold of more", "/v1/holds/" + idOf(records[1]), `"amount":2`, `"amount":3`, "its records give"},
		{"a hold that has ended", "/v1/holds/" + idOf(records[1]), "pending", "hold_delivered", "its records give"},
		{"other bytes of a block", "/v1/blocks/2", "110.0", "110.5", "other bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := answers[r.URL.Path]
				if r.URL.Path == c.path {
					text = strings.Replace(text, c.old, c.replacement, 1)
				}
				_, _ = w.Write(json.RawMessage(text)) // a client that went away fails by itself
			}))
			defer server.Close()
			_, _, err := Member(t.Context(), server.Client(), server.URL, "")
			if c.complaint == "" && err != nil || c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)) {
				t.Errorf("got %v, want a complaint about %q", err, c.complaint)
			}
		})
	}
}

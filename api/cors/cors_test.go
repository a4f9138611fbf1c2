package cors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOriginsOfAddresses(t *testing.T) {
	for address, want := range map[string][2]string{
		"http://127.0.0.1:5000":        {"http://127.0.0.1:5000", "http://localhost:5000"},
		"https://n1.example:443/":      {"https://n1.example", ""},
		"http://N1.Example:80":         {"http://n1.example", ""},
		"https://[2001:db8::1]:5000":   {"https://[2001:db8::1]:5000", ""},
		"":                             {},
		"ftp://n1.example":             {},
		"n1.example:5000":              {},
		"http://a b":                   {},
		"http://a;script-src *":        {},
		"http://a,b":                   {},
		"http://*:5000":                {},
		"http://n1.example'none':5000": {},
	} {
		origin, local := originsOf(address)
		require.Equal(t, want, [2]string{origin, local}, address)
	}
}

package intake

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNodeAddressesHaveOneSpelling(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:5001":                     "127.0.0.1:5001",
		"http://127.0.0.1:5001":              "127.0.0.1:5001",
		"http://127.0.0.1:5001/chain?x=1":    "127.0.0.1:5001",
		"https://Node.Example.org:443/":      "node.example.org:443",
		"http://example.org":                 "example.org:80",
		"https://example.org":                "example.org:443",
		"https://[2001:DB8::1]":              "[2001:db8::1]:443",
		"localhost:05001":                    "localhost:5001",
		"EXAMPLE.org.:80":                    "example.org:80",
		"[::1]:5001":                         "[::1]:5001",
		"[0:0:0:0:0:0:0:1]:5001":             "[::1]:5001",
		"bpsc_n1:5000":                       "bpsc_n1:5000",
		strings.Repeat("a.", 120) + "b:5000": strings.Repeat("a.", 120) + "b:5000",
	} {
		got, wrong := NormalNode(text)
		require.Equal(t, "", wrong, text)
		require.Equal(t, want, got)
	}
}

func TestUnusableNodeAddresses(t *testing.T) {
	for _, text := range []string{
		"", " ", "a", "a:", ":5000", "a:0", "a:65536", "a:-1", "a:+1", "a:http", "a b:1", "a/b:1", "a:1/chain",
		"ftp://a:1", "0.0.0.0:5000", "[::]:5000", "http://[::ffff:0.0.0.0]:5000", "http://0.0.0.0", "http://", "http://:80", "http://user:secret@a:1", "//a:1", "http://a:1:2", "::1:5000",
		"[fe80::1%eth0]:1", "-a:1", "a-:1", "a..b:1", "a\x00:1", "\u00e9:1", "http://[::1", "http://a:99999",
		strings.Repeat("a", 64) + ":1", strings.Repeat("a.", 127) + "b:1", "http://%zz",
	} {
		node, wrong := NormalNode(text)
		require.NotEmpty(t, wrong, "%q became %q", text, node)
	}
}

func FuzzNormalNode(f *testing.F) {
	for _, seed := range []string{"a:1", "http://a", "https://[::1]:5/x", "[::1]:1", "1.2.3.4:5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, wrong := NormalNode(text)
		if wrong != "" {
			return
		}
		again, wrong := NormalNode(node)
		if wrong != "" || again != node || len(node) > maxNodeBytes {
			t.Fatalf("%q became %q became %q (%s)", text, node, again, wrong)
		}
	})
}

// The bounds of bodies, which are api's, are held against these there.
func TestLimitsOfNodes(t *testing.T) {
	require.Equal(t, 32, maxNodes)
	require.Equal(t, 255, maxNodeBytes)
}

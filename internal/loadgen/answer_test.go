package loadgen

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	const good = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
	for name, c := range map[string]struct {
		text   string
		size   int
		status int
		body   string
		wrong  bool
	}{
		"whole":                       {text: good, size: len(good), status: 201, body: "hello"},
		"with the next one behind it": {text: good + "HTTP", size: len(good), status: 201, body: "hello"},
		"without its end":             {text: good[:len(good)-1], size: len(good), status: 201},
		"half a header":               {text: good[:30]},
		"nothing":                     {},
		"a length in lower case":      {text: "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nok", size: 39, status: 200, body: "ok"},
		"no length":                   {text: "HTTP/1.1 200 OK\r\nX: y\r\n\r\n", wrong: true},
		"no number":                   {text: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", wrong: true},
		"a length beyond all":         {text: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", wrong: true},
		"another protocol":            {text: "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", wrong: true},
		"no status":                   {text: "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			a, size, err := parse([]byte(c.text))
			require.Equal(t, c.wrong, err != nil, "%v", err)
			if err == nil {
				require.Equal(t, c.size, size)
				require.Equal(t, c.body, string(a.body))
				require.Equal(t, c.status, a.status)
			}
		})
	}
}

func TestWhatARefusalSays(t *testing.T) {
	text := "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 25\r\n\r\n" + `{"x":1,"code":"too_busy"}`
	a, _, err := parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, a.retryAfter)
	require.True(t, a.closes)
	require.Equal(t, "too_busy", codeOf(&a))
	require.Equal(t, "502", codeOf(&answer{status: 502, body: []byte("<html>")}))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 503 X\r\nRetry-After: 1\r\ncontent-length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, size, err := parse(text)
		if err != nil || size == 0 || len(text) < size {
			return
		}
		// What comes behind it changes nothing, and what is missing is waited for.
		again, same, err := parse(append(bytes.Clone(text), 'x'))
		if err != nil || same != size || again.status != a.status || !bytes.Equal(again.body, a.body) {
			t.Fatalf("%d bytes of status %d, then %d of %d: %v", size, a.status, same, again.status, err)
		}
		if _, still, err := parse(text[:size-1]); err == nil && still != 0 && still != size {
			t.Fatalf("%d bytes, and %d without the last", size, still)
		}
	})
}

package chainsync

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

// Whatever an upstream answers, there are no more lines than were asked for,
// none is longer than a block, and the end is a refusal unless all is there
// that was promised.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("{}\n{}\n"), "", typeLines, uint64(2))
	f.Add([]byte("{}\n"), "1", typeLines, uint64(2))
	f.Add([]byte("{}\n{}"), "7", typeLines, uint64(5))
	f.Add([]byte("\n\n\n"), "0", "text/html", uint64(1))
	f.Add([]byte("{}\n"), "18446744073709551615", typeLines, uint64(1))
	f.Fuzz(func(t *testing.T, body []byte, length, mediaType string, limit uint64) {
		limit = limit%100 + 1
		if strings.ContainsAny(length+mediaType, "\r\n\x00") {
			t.Skip() // no header can hold that
		}
		cfg := DefaultConfig()
		cfg.transport = roundTrip(func(*http.Request) (*http.Response, error) {
			header := http.Header{"Content-Type": {mediaType}}
			if length != "" {
				header.Set(protocol.ChainLength, length)
			}
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(body))}, nil
		})
		var r *refusal
		b, err := newHTTPClient(&cfg).blocks(t.Context(), "http://a", blocksRequest{token: "aka", from: 1, limit: limit})
		if err != nil {
			require.ErrorAs(t, err, &r)
			return
		}
		defer b.end()
		lines := uint64(0)
		for {
			line, err := b.next()
			if err != nil {
				if errors.Is(err, io.EOF) {
					require.True(t, lines == limit || b.length > 0 && lines >= min(limit, b.length))
				} else {
					require.ErrorAs(t, err, &r)
				}
				break
			}
			lines++
			require.LessOrEqual(t, lines, limit)
			require.LessOrEqual(t, len(line), chain.MaxBlockBytes)
			require.NotContains(t, string(line), "\n")
		}
	})
}

package edge

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALineOfTheAudit(t *testing.T) {
	var out bytes.Buffer
	a := NewAudit(slog.New(slog.NewJSONHandler(&out, nil)))
	v := NewGuard(DefaultConfig()).Visit("192.0.2.1:40000", "billing")
	a.Note(t.Context(), &v, Answered{RequestID: "r-1", Trace: "00-x", Method: "POST", Route: "/v1/transactions", Status: 201, Bytes: 7, Took: time.Second})
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	delete(line, "time")
	require.Equal(t, map[string]any{"level": "INFO", "msg": "request over the network", "request_id": "r-1", "traceparent": "00-x",
		"who": "billing", "address": "192.0.2.1", "method": "POST", "route": "/v1/transactions", "status": 201., "bytes": 7., "took": 1e9}, line)

	out.Reset()
	v = NewGuard(DefaultConfig()).Visit("192.0.2.1:40000", "")
	a.Note(t.Context(), &v, Answered{Method: strings.Repeat("M", 9_999), Bytes: -1})
	require.Contains(t, out.String(), `"who":"anonymous"`)
	require.Contains(t, out.String(), `"bytes":0`)
	require.Less(t, out.Len(), 500, "a method is a client's text")
}

// A flood of guests is counted, and hides nobody else.
func TestAFloodOfLinesIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := NewAudit(slog.New(slog.NewTextHandler(&out, nil)))
		g := NewGuard(DefaultConfig())
		guest, known := g.Visit("192.0.2.1:1", ""), g.Visit("192.0.2.1:1", "billing")
		for range 10 * guestLines {
			a.Note(t.Context(), &guest, Answered{})
		}
		a.Note(t.Context(), &known, Answered{})
		require.Equal(t, guestLines, strings.Count(out.String(), "who=anonymous"))
		require.Equal(t, 1, strings.Count(out.String(), "who=billing"))
		require.NotContains(t, out.String(), "left_out")
		<-time.After(time.Second) // the bubble's
		out.Reset()
		a.Note(t.Context(), &guest, Answered{})
		require.Contains(t, out.String(), "left_out=450")
		out.Reset()
		a.Note(t.Context(), &guest, Answered{})
		require.NotContains(t, out.String(), "left_out")
	})
}

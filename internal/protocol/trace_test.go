package protocol

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraces(t *testing.T) {
	require.Equal(t, good, Trace(http.Header{Traceparent: {good}}))
	for _, bad := range [][]string{nil, {""}, {good, good}, {strings.ToUpper(good)}, {good + "0"}, {"01" + good[2:]},
		{good[:54] + "\n"}, {strings.Replace(good, "-", "_", 1)},
		{"00-00000000000000000000000000000000-b7ad6b7169203331-01"}, {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"}} {
		require.Empty(t, Trace(http.Header{Traceparent: bad}), bad)
	}
}

func TestATraceIsPassedOnAsItCame(t *testing.T) {
	to := http.Header{}
	PassTrace(to, http.Header{Traceparent: {good}, Tracestate: {"a=1", "b=2"}, "Cookie": {"c"}})
	require.Equal(t, http.Header{Traceparent: {good}, Tracestate: {"a=1", "b=2"}}, to)
	to = http.Header{}
	PassTrace(to, http.Header{Traceparent: {good}, Tracestate: {strings.Repeat("a", maxTracestate+1)}})
	require.Equal(t, http.Header{Traceparent: {good}}, to, "what is too long is left out")
	to = http.Header{}
	PassTrace(to, http.Header{Traceparent: {good + "x"}, Tracestate: {"a=1"}})
	require.Empty(t, to)
}

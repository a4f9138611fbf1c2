package protocol

import (
	"net/http"
	"strings"
)

// Headers of W3C Trace Context: which trace a request belongs to.
const (
	Traceparent = "Traceparent"
	Tracestate  = "Tracestate"
)

// maxTracestate is what one has to pass on of a Tracestate; more may be left out.
const maxTracestate = 512

// traceForm is a Traceparent of version 00: version, trace, parent, flags.
const traceForm = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx"

// Trace is the Traceparent of a request, "" where it has none or what it has is not one:
// what a client says goes into logs, and on to others.
func Trace(of http.Header) string {
	given := of[Traceparent]
	if len(given) != 1 || !ValidTrace(given[0]) {
		return ""
	}
	return given[0]
}

// ValidTrace tells whether a text is a Traceparent of version 00.
func ValidTrace(text string) bool {
	if len(text) != len(traceForm) {
		return false
	}
	for i := range len(traceForm) {
		c := text[i]
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		if traceForm[i] == 'x' && !hex || traceForm[i] != 'x' && c != traceForm[i] {
			return false
		}
	}
	trace, parent := text[3:35], text[36:52]
	return strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}

// PassTrace passes on to which trace a request belongs: as it came, for whoever passes a
// request on is no part of the trace. What is no trace is left out.
func PassTrace(to, from http.Header) {
	trace := Trace(from)
	if trace == "" {
		return
	}
	to[Traceparent] = []string{trace}
	size := 0
	for _, state := range from[Tracestate] {
		size += len(state)
	}
	if 0 < size && size <= maxTracestate {
		to[Tracestate] = from[Tracestate]
	}
}

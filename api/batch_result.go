package api

import (
	"errors"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// appendResults writes one result for each item, in the order of the items, and
// leaves the object open. There is an outcome for each item that is not refused,
// and how the hold that it is has ended since, if any has.
func appendResults(dst []byte, items []intake.Item, outcomes []chain.Outcome, resolved []chain.Code) []byte {
	dst = append(dst, `{"results":[`...)
	next := 0
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if items[i].Refused != nil {
			dst = appendRefused(dst, items[i].Refused)
		} else {
			ended := chain.Code("")
			if resolved != nil {
				ended = resolved[next]
			}
			dst = appendResult(dst, &items[i], &outcomes[next], ended)
			next++
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendRefused writes why an item was refused before it reached the log.
func appendRefused(dst []byte, err error) []byte {
	p := newProblem(err)
	dst = appendText(dst, "status", statusRefused)
	dst = appendText(dst, "code", p.Code)
	return appendText(dst, "detail", p.Detail)
}

func appendResult(dst []byte, item *intake.Item, o *chain.Outcome, resolved chain.Code) []byte {
	dst = appendHash(dst, "id", item.ID)
	switch {
	case o.Err != nil:
		return appendFailure(dst, item, o.Err)
	case o.Refused != "":
		return appendRefusal(dst, o.Refused)
	}
	dst = appendDecision(dst, &o.Record, resolved)
	dst = appendUint(dst, "block", o.Block)
	dst = appendUint(dst, "position", uint64(o.Position))
	if o.Replay {
		dst = append(appendKey(dst, "replay"), "true"...)
	}
	return dst
}

// appendFailure writes that an item has no outcome, or none that is known,
// with the key to send it again under.
func appendFailure(dst []byte, item *intake.Item, err error) []byte {
	status := "not_applied"
	if errors.Is(err, outcome.Unknown) {
		status = "unknown"
	}
	code := codeOf(err)
	dst = appendText(dst, "status", status)
	dst = appendText(dst, "code", code)
	dst = strconv.AppendBool(appendKey(dst, "retryable"), meanings[code].retryable)
	if item.Drawn != "" {
		dst = appendText(dst, "key", item.Drawn)
	}
	return dst
}

package api

import (
	"errors"
	"strconv"

	"github.com/bpsc/bpsc/chain"
)

// appendResults writes one result for each item, in the order of the items, and
// leaves the object open.
func appendResults(dst []byte, items []batchItem, outcomes []chain.Outcome) []byte {
	dst = append(dst, `{"results":[`...)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if items[i].refused != nil {
			dst = appendRefused(append(dst, '{'), items[i].refused)
		} else {
			dst = items[i].appendResult(append(dst, '{'), &outcomes[0])
			outcomes = outcomes[1:]
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendRefused writes why an item was refused before it reached the log.
func appendRefused(dst []byte, err error) []byte {
	p := newProblem(err)
	dst = appendText(dst, "status", statusRefused)
	dst = appendText(dst, "code", p.code)
	return appendText(dst, "detail", p.detail)
}

func (item *batchItem) appendResult(dst []byte, o *chain.Outcome) []byte {
	dst = appendHash(dst, "id", item.id)
	switch {
	case o.Err != nil:
		return item.appendFailure(dst, o.Err)
	case o.Refused != "":
		return appendRefusal(dst, o.Refused)
	}
	dst = appendDecision(dst, &o.Record, item.resolved)
	dst = appendUint(dst, "block", o.Block)
	dst = appendUint(dst, "position", uint64(o.Position))
	if o.Replay {
		dst = append(appendKey(dst, "replay"), "true"...)
	}
	return dst
}

// appendFailure writes that an item has no outcome, or none that is known,
// with the key to send it again under.
func (item *batchItem) appendFailure(dst []byte, err error) []byte {
	status := "not_applied"
	if errors.Is(err, ErrOutcomeUnknown) {
		status = "unknown"
	}
	code := codeOf(err)
	dst = appendText(dst, "status", status)
	dst = appendText(dst, "code", code)
	dst = strconv.AppendBool(appendKey(dst, "retryable"), meanings[code].retryable)
	if item.drawn != "" {
		dst = appendText(dst, "key", item.drawn)
	}
	return dst
}

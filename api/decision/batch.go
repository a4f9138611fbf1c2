package decision

import (
	"errors"
	"strconv"

	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// AppendResults writes one result for each item, in the order of the items, and
// leaves the object open. There is an outcome for each item that is not refused,
// and how the hold that it is has ended since, if any has.
func AppendResults(dst []byte, drafts []intake.Draft, outcomes []chain.Outcome, resolved []chain.Code) []byte {
	dst = append(dst, `{"results":[`...)
	next := 0
	for i := range drafts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if drafts[i].Refused != nil {
			dst = appendRefused(dst, drafts[i].Refused)
		} else {
			ended := chain.Code("")
			if resolved != nil {
				ended = resolved[next]
			}
			dst = appendResult(dst, &drafts[i], &outcomes[next], ended)
			next++
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendRefused writes why an item was refused before it reached the log.
func appendRefused(dst []byte, err error) []byte {
	p := problem.New(err)
	dst = jsonobject.AppendText(dst, "status", refused)
	dst = jsonobject.AppendText(dst, "code", p.Code)
	return jsonobject.AppendText(dst, "detail", p.Detail)
}

func appendResult(dst []byte, draft *intake.Draft, o *chain.Outcome, resolved chain.Code) []byte {
	dst = jsonobject.AppendHash(dst, "id", draft.Tx.ID)
	switch {
	case o.Err != nil:
		return appendFailure(dst, draft, o.Err)
	case o.Refused != "":
		return AppendRefusal(dst, o.Refused)
	}
	dst = appendDecision(dst, &o.Record, resolved)
	dst = jsonobject.AppendUint(dst, "block", o.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(o.Position))
	if o.Replay {
		dst = append(jsonobject.AppendKey(dst, "replay"), "true"...)
	}
	return dst
}

// appendFailure writes that an item has no outcome, or none that is known,
// with the key to send it again under.
func appendFailure(dst []byte, draft *intake.Draft, err error) []byte {
	status := "not_applied"
	if errors.Is(err, outcome.Unknown) {
		status = unknown
	}
	code := problem.CodeOf(err)
	dst = jsonobject.AppendText(dst, "status", status)
	dst = jsonobject.AppendText(dst, "code", code)
	dst = strconv.AppendBool(jsonobject.AppendKey(dst, "retryable"), problem.MeaningOf(code).Retryable())
	if draft.Drawn != "" {
		dst = jsonobject.AppendText(dst, "key", draft.Drawn)
	}
	return dst
}

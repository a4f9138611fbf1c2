package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// getHistory is GET /v1/accounts/{address}/transactions: the records that name
// a wallet, newest first or (order=asc) oldest first. kind and direction filter
// them; after and before take the cursors of an earlier answer. A page may be
// short, empty even, and still have next: one request does bounded work.
func (s *server) getHistory(c *gin.Context) error {
	contract, name, err := s.accountOf(c)
	if err != nil {
		return err
	}
	q, err := historyQuery(c, contract)
	if err != nil {
		return err
	}
	page, err := fromCursor(c, s, contract.Token, func() (chain.HistoryPage, error) { return s.read.History(contract.Token, name, q) })
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = append(w.out, `{"items":[`...)
	for i := range page.Records {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = appendHistoryRecord(w.out, &page.Records[i], contract)
	}
	w.out = append(w.out, ']')
	w.out = appendHistoryCursor(w.out, "next", page.Next, contract)
	w.out = appendHistoryCursor(w.out, "prev", page.Prev, contract)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

func historyQuery(c *gin.Context, contract *knownContract) (q chain.HistoryQuery, err error) {
	limit, err := queryUint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return q, err
	}
	q = chain.HistoryQuery{Limit: int(limit), Direction: chain.Direction(queryText(c, "direction"))}
	if q.After, err = ofChain(queryText(c, "after"), contract.chainID); err != nil {
		return q, err
	}
	if q.Before, err = ofChain(queryText(c, "before"), contract.chainID); err != nil {
		return q, err
	}
	if kinds := queryText(c, "kind"); kinds != "" {
		for kind := range strings.SplitSeq(kinds, ",") {
			q.Kinds = append(q.Kinds, chain.Kind(kind))
		}
	}
	switch queryText(c, "order") {
	case "", "desc":
	case "asc":
		q.OldestFirst = true
	default:
		return q, wrongKind("order", "asc or desc")
	}
	return q, nil
}

func appendHistoryRecord(dst []byte, r *chain.HistoryRecord, contract *knownContract) []byte {
	dst = appendUint(append(dst, '{'), "block", r.Block)
	dst = appendUint(dst, "position", uint64(r.Position))
	dst = strconv.AppendBool(appendKey(dst, "in_block"), !r.Pending)
	dst = appendHistoryCursor(dst, "cursor", r.Cursor, contract)
	return append(chain.AppendRecord(appendKey(dst, "record"), &r.Record, contract.Decimals), '}')
}

// appendHistoryCursor writes a cursor with the chain it is of; "" is none.
func appendHistoryCursor(dst []byte, key, cursor string, contract *knownContract) []byte {
	if cursor == "" {
		return dst
	}
	dst = append(appendKey(dst, key), '"')
	return append(append(appendCursor(dst, contract.chainID), cursor...), '"')
}

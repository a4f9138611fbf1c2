package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// AccountReader reads what a node knows of wallets.
type AccountReader interface {
	// Account is the zero value, without an error, for a name never used.
	Account(token, name string) (chain.Account, error)
	// History returns the records that name an account, a page at a time.
	// Bad cursors, kinds and directions fail with chain.InvalidField, cursors of
	// what is not here with chain.ErrBeyond.
	History(token, account string, q chain.HistoryQuery) (chain.HistoryPage, error)
}

// accountOf reads a wallet's name from the path. A name is free text and stands
// escaped there, a slash as %2F.
func (s *server) accountOf(c *gin.Context) (*intake.Chain, string, error) {
	name, err := url.PathUnescape(c.Param("address"))
	if err != nil {
		return nil, "", fmt.Errorf("%w: the address is not escaped as in a URL", chain.InvalidField)
	}
	if err := chain.ValidateName("address", name); err != nil {
		return nil, "", err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return nil, "", err
	}
	if contract.Wallets == chain.SignedWallets {
		// One mistyped would be shown as one that has nothing.
		err = chain.ValidateAddress("address", name)
	}
	return contract, name, err
}

// getAccount is GET /v1/accounts/{address}. One that was never used has
// nothing.
func (s *server) getAccount(c *gin.Context) error {
	contract, name, err := s.accountOf(c)
	if err != nil {
		return err
	}
	applied := s.read.AppliedIndex()
	account, err := s.read.Account(contract.Token, name)
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendText(append(w.out, '{'), "address", name)
	w.out = appendText(w.out, "contract", contract.Token)
	w.out = appendAmount(w.out, "balance", account.Balance, contract.Decimals)
	w.out = appendUint(w.out, "records", account.Records)
	if contract.Wallets == chain.SignedWallets {
		w.out = appendWallet(w.out, account.Wallet, s.read.Time(contract.Token), contract.Decimals)
	}
	w.out = appendApplied(w.out, applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// appendWallet writes what is set for a wallet and in force at a time.
func appendWallet(dst []byte, set *chain.Wallet, micros int64, decimals int) []byte {
	var w chain.Wallet
	if set != nil {
		w = *set
	}
	if w.Receive == "" {
		w.Receive = chain.ReceiveAuto
	}
	dst = appendText(dst, "receive", string(w.Receive))
	dst = strconv.AppendBool(appendKey(dst, "frozen"), w.Frozen)
	dst = appendLimit(dst, "per_transfer", w.PerTransfer, micros, decimals)
	dst = appendLimit(dst, "per_day", w.PerDay, micros, decimals)
	if !w.Key.IsZero() {
		dst = appendHash(dst, "key", chain.Hash(w.Key))
	}
	return dst
}

// appendLimit writes a limit, and the looser one that is on its way, where 0 is
// none.
func appendLimit(dst []byte, key string, l chain.Limit, micros int64, decimals int) []byte {
	if limit := l.At(micros); limit != 0 {
		dst = appendAmount(dst, key, limit, decimals)
	}
	if l.NextAt > micros {
		dst = appendAmount(dst, key+"_next", l.Next, decimals)
		dst = chain.AppendTimestamp(appendKey(dst, key+"_next_at"), l.NextAt)
	}
	return dst
}

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

func historyQuery(c *gin.Context, contract *intake.Chain) (q chain.HistoryQuery, err error) {
	limit, err := queryUint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return q, err
	}
	q = chain.HistoryQuery{Limit: int(limit), Direction: chain.Direction(queryText(c, "direction"))}
	if q.After, err = ofChain(queryText(c, "after"), contract.ID); err != nil {
		return q, err
	}
	if q.Before, err = ofChain(queryText(c, "before"), contract.ID); err != nil {
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
		return q, intake.WrongKind("order", "asc or desc")
	}
	return q, nil
}

func appendHistoryRecord(dst []byte, r *chain.HistoryRecord, contract *intake.Chain) []byte {
	dst = appendUint(append(dst, '{'), "block", r.Block)
	dst = appendUint(dst, "position", uint64(r.Position))
	dst = strconv.AppendBool(appendKey(dst, "in_block"), !r.Pending)
	dst = appendHistoryCursor(dst, "cursor", r.Cursor, contract)
	return append(chain.AppendRecord(appendKey(dst, "record"), &r.Record, contract.Decimals), '}')
}

// appendHistoryCursor writes a cursor with the chain it is of; "" is none.
func appendHistoryCursor(dst []byte, key, cursor string, contract *intake.Chain) []byte {
	if cursor == "" {
		return dst
	}
	dst = append(appendKey(dst, key), '"')
	return append(append(appendCursor(dst, contract.ID), cursor...), '"')
}

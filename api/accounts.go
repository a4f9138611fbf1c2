package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/query"
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

// getAccount is GET /v1/accounts/{address}, as it is or, with at_block or at, as it
// was. One that was never used has nothing.
func (s *server) getAccount(c *gin.Context) error {
	contract, name, err := s.accountOf(c)
	if err != nil {
		return err
	}
	if asksForThePast(c) {
		answer, err := s.pastAccount(c, contract, name)
		if err != nil || answer == nil {
			return err
		}
		return s.sendValue(c, http.StatusOK, answer)
	}
	applied := s.read.AppliedIndex()
	account, err := s.read.Account(contract.Token, name)
	if err != nil {
		return err
	}
	answer := newAccountAnswer(contract, name, account, s.read.Time(contract.Token))
	answer.appliedAt = appliedAt{applied}
	return s.sendValue(c, http.StatusOK, answer)
}

// newAccountAnswer says what an account is, by the chain's time.
func newAccountAnswer(contract *intake.Chain, name string, account chain.Account, at chain.Micros) *accountAnswer {
	a := &accountAnswer{Address: name, Contract: contract.Token, Balance: decimal{account.Balance, contract.Decimals}, Records: account.Records}
	if contract.Wallets == chain.SignedWallets {
		a.walletAnswer = newWalletAnswer(account.Wallet, at, contract.Decimals)
	}
	return a
}

type accountAnswer struct {
	Address  string  `json:"address"`
	Contract string  `json:"contract"`
	Balance  decimal `json:"balance"`
	Records  uint64  `json:"records"`
	*walletAnswer
	AsOf *momentAnswer `json:"as_of,omitempty"`
	appliedAt
}

// walletAnswer is what is set for a signed wallet and in force now, and the
// looser limits that are on their way, where 0 is none.
type walletAnswer struct {
	Receive           chain.Receive `json:"receive"`
	Frozen            bool          `json:"frozen"`
	PerTransfer       decimal       `json:"per_transfer,omitzero"`
	PerTransferNext   *decimal      `json:"per_transfer_next,omitempty"`
	PerTransferNextAt timestamp     `json:"per_transfer_next_at,omitzero"`
	PerDay            decimal       `json:"per_day,omitzero"`
	PerDayNext        *decimal      `json:"per_day_next,omitempty"`
	PerDayNextAt      timestamp     `json:"per_day_next_at,omitzero"`
	Key               chain.Hash    `json:"key,omitzero"`
}

func newWalletAnswer(set *chain.Wallet, at chain.Micros, places int) *walletAnswer {
	var w chain.Wallet
	if set != nil {
		w = *set
	}
	a := &walletAnswer{Receive: cmp.Or(w.Receive, chain.ReceiveAuto), Frozen: w.Frozen, Key: chain.Hash(w.Key),
		PerTransfer: decimal{w.PerTransfer.At(at), places}, PerDay: decimal{w.PerDay.At(at), places}}
	if l := w.PerTransfer; l.NextAt > at {
		a.PerTransferNext, a.PerTransferNextAt = &decimal{l.Next, places}, timestamp(l.NextAt)
	}
	if l := w.PerDay; l.NextAt > at {
		a.PerDayNext, a.PerDayNextAt = &decimal{l.Next, places}, timestamp(l.NextAt)
	}
	return a
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
	limit, err := query.Uint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return q, err
	}
	q = chain.HistoryQuery{Limit: int(limit), Direction: chain.Direction(query.Text(c, "direction"))}
	if q.After, err = cursor.OfChain(query.Text(c, "after"), contract.ID); err != nil {
		return q, err
	}
	if q.Before, err = cursor.OfChain(query.Text(c, "before"), contract.ID); err != nil {
		return q, err
	}
	if kinds := query.Text(c, "kind"); kinds != "" {
		for kind := range strings.SplitSeq(kinds, ",") {
			q.Kinds = append(q.Kinds, chain.Kind(kind))
		}
	}
	switch query.Text(c, "order") {
	case "", "desc":
	case "asc":
		q.OldestFirst = true
	default:
		return q, intake.WrongKind("order", "asc or desc")
	}
	return q, nil
}

func appendHistoryRecord(dst []byte, r *chain.HistoryRecord, contract *intake.Chain) []byte {
	dst = jsonobject.AppendUint(append(dst, '{'), "block", r.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(r.Position))
	dst = strconv.AppendBool(jsonobject.AppendKey(dst, "in_block"), !r.Pending)
	dst = appendHistoryCursor(dst, "cursor", r.Cursor, contract)
	return append(chain.AppendRecord(jsonobject.AppendKey(dst, "record"), &r.Record, contract.Decimals), '}')
}

// appendHistoryCursor writes a cursor with the chain it is of; "" is none.
func appendHistoryCursor(dst []byte, key, place string, contract *intake.Chain) []byte {
	if place == "" {
		return dst
	}
	dst = append(jsonobject.AppendKey(dst, key), '"')
	return append(append(cursor.Append(dst, contract.ID), place...), '"')
}

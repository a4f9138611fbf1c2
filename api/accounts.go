package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// accountOf reads a wallet's name from the path. A name is free text and stands
// escaped there, a slash as %2F.
func (s *server) accountOf(c *gin.Context) (*knownContract, string, error) {
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

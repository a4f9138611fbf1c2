package e2e

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// signedCluster is a cluster whose contract is signed. Its issuer, who is its
// treasurer too, has the supply.
type signedCluster struct {
	*harness.Cluster
	chain  sign.Chain
	issuer sign.Key
}

// startSigned starts one; schedule is that of the contract.
func startSigned(t *testing.T, schedule string) *signedCluster {
	t.Helper()
	return startSignedAs(t, binary, schedule)
}

// startSignedAs starts one of another binary.
func startSignedAs(t *testing.T, binary, schedule string) *signedCluster {
	t.Helper()
	issuer := sign.NewKey("issuer")
	c := startCluster(t, harness.Options{Binary: binary, Contract: fmt.Sprintf(`{"token":"aka","wallets":"signed","issuer":"%s","treasurer":"%[1]s",`+
		`"supply":900000000,"mintable":true,"freezable":true,"schedule":%s}`, issuer.Address, schedule)})
	var info struct {
		ChainID  string `json:"chain_id"`
		Contract struct{ Decimals int }
	}
	err := harness.Until(t.Context(), 20*time.Second, "the chain has begun", func(context.Context) error {
		if call(t, http.MethodGet, c.Members[0].URL+"/v1/contracts/aka", "").json(t, &info); info.ChainID == "" {
			return errors.New("no chain yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return &signedCluster{c, sign.Chain{ID: info.ChainID, Decimals: info.Contract.Decimals}, issuer}
}

// fresh are the fields of a new transaction: what is given, a nonce of its own
// and an hour to live.
func fresh(kind string, f sign.Fields) sign.Fields {
	var nonce [16]byte
	_, _ = crand.Read(nonce[:]) // it never fails
	return sign.Fields{
		"kind": kind, "nonce": hex.EncodeToString(nonce[:]), "expires": time.Now().Unix() + 3600,
	}.With(f)
}

func payment(to sign.Key, units sign.Units) sign.Fields {
	return fresh("transfer", sign.Fields{"recipient": to.Address, "amount": units})
}

// decision is what a sender knows of an envelope in the end: what it became,
// or the code of the refusal.
type decision struct {
	harness.Ack
	Code string
}

// same tells whether two answers say the same of the same envelope. That one of
// them knows how a hold ended since, or is a replay, is no difference.
func (d decision) same(e decision) bool {
	return d.ID == e.ID && d.Kind == e.Kind && d.Reason == e.Reason && d.Block == e.Block && d.Position == e.Position && d.Code == e.Code
}

// insist sends the same bytes to one member after the other, beginning with
// the one given, until it is known what became of them.
func (c *signedCluster) insist(ctx context.Context, first int, e sign.Envelope) (decision, error) {
	d, n := decision{}, first
	err := harness.Until(ctx, time.Minute, "transaction "+e.ID+" is decided", func(ctx context.Context) error {
		m := c.Members[n%len(c.Members)]
		n++
		ack, err := c.SubmitText(ctx, m, e.Body)
		var p *harness.Problem
		if errors.As(err, &p) && p.Status < 500 {
			d = decision{harness.Ack{ID: p.ID}, p.Code}
			return nil
		}
		d = decision{ack, ""}
		return err
	})
	if err == nil && d.ID != e.ID {
		err = fmt.Errorf("transaction %s was answered with %+v", e.ID, d)
	}
	return d, err
}

// done has a transaction decided that must become a record of that kind.
func (c *signedCluster) done(t *testing.T, by sign.Key, f sign.Fields, kind string) decision {
	t.Helper()
	d, err := c.insist(t.Context(), 0, c.chain.Sign(by, f))
	if err != nil {
		t.Fatal(err)
	}
	if d.Kind != kind {
		t.Fatalf("%v became %+v, not a %s", f, d, kind)
	}
	return d
}

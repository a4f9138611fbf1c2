package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/loadgen"
)

// load makes the requests of all rows, and keeps book of what became of them.
type load struct {
	*options
	target *target
	signer *signer // nil for an open contract
	run    string  // begins every idempotency key: no two runs draw the same

	acknowledged uint64 // transfers
	unknown      uint64
	funded       uint64 // transfers before the load
	rows         int
}

// load prepares what is sent: in a signed contract it pays the wallets first.
func (b *options) load(ctx context.Context, t *target) (*load, error) {
	var run [4]byte
	_, _ = rand.Read(run[:]) // it never fails
	l := &load{options: b, target: t, run: hex.EncodeToString(run[:])}
	if t.contract.Contract.Wallets != chain.SignedWallets {
		return l, nil
	}
	var err error
	if l.signer, err = newSigner(b, t); err != nil {
		return nil, err
	}
	l.funded, err = l.signer.fund(ctx)
	return l, err
}

// repeatable tells whether a request sent twice has the effect of one.
func (l *load) repeatable() bool { return l.signer != nil || l.batch == 1 }

// name says what is sent.
func (l *load) name() string {
	kind := "open"
	if l.signer != nil {
		kind = "signed"
		if l.presign > 0 {
			kind = "presigned"
		}
	}
	return kind
}

// sources are those of the connections of a row, which go to these URLs in turn.
func (l *load) sources(ctx context.Context, urls []string, connections int) ([]loadgen.Source, error) {
	l.rows++
	heads := make([]string, len(urls))
	for i, at := range urls {
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		heads[i] = l.head(u.Host)
	}
	var signed *presigned
	if l.signer != nil && l.presign > 0 {
		var err error
		if signed, err = l.signer.sign(ctx, l.presign, l.batch, l.pick); err != nil {
			return nil, err
		}
	}
	text := textOf(&l.target.contract.Contract)
	sources := make([]loadgen.Source, connections)
	for i := range sources {
		head := heads[i%len(heads)]
		switch {
		case signed != nil:
			sources[i] = &presignedSource{all: signed, head: head, batch: l.batch}
		case l.signer != nil:
			sources[i] = &signingSource{signer: l.signer, pick: l.pick(i), head: head, batch: l.batch}
		case l.batch > 1:
			sources[i] = newBatchSource(head, text, l.batch, kept(l.batch, connections), l.pick(i))
		default:
			sources[i] = newSingleSource(head, keyOf(l.run, l.rows, i), text, l.payload, l.pick(i))
		}
	}
	return sources, nil
}

// head is the beginning of all requests to a host.
func (l *load) head(host string) string {
	path := "/v1/transactions"
	if l.batch > 1 {
		path += ":batch"
	}
	head := "POST " + path + "?contract=" + l.target.contract.Contract.Token + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\n"
	if l.target.token != "" {
		head += "Authorization: Bearer " + l.target.token + "\r\n"
	}
	return head
}

// kept is how many batches of that size each connection makes beforehand.
func kept(batch, connections int) int {
	return min(keptBatches, max(1, keptBytes/(batch*transferBytes*connections)))
}

package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

const (
	// ownSupply is what the issuer of its own cluster has, in tokens of six places: nearly
	// the most that there can be, of which half is paid to the wallets.
	ownSupply = 900_000_000

	// validFor is how long the ledger may take to apply what is signed: longer than what is
	// signed beforehand waits.
	validFor = 12 * time.Hour
)

// keyNamed is the key of a name, the same in every run: whoever reads this can have it, so it
// is for tokens that are worth nothing.
func keyNamed(name string) *wallet.Key {
	seed := sha256.Sum256([]byte("bpsc bench: " + name))
	key, err := wallet.ParseKey(hex.EncodeToString(seed[:]))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	return key
}

func issuerKey() *wallet.Key { return keyNamed("issuer") }

// signer signs transfers between the wallets of the bench. Any number of goroutines use it.
type signer struct {
	target  *target
	payer   *wallet.Key
	keys    []*wallet.Key
	moment  wallet.Moment
	nonce   [8]byte // begins every nonce of this run
	counter atomic.Uint64
}

func newSigner(b *options, t *target) (*signer, error) {
	now := time.Now()
	s := &signer{target: t, payer: issuerKey(), moment: wallet.Moment{Local: now, Chain: now}}
	if told := t.contract.Time; !told.IsZero() {
		s.moment.Chain = told
	}
	_, _ = rand.Read(s.nonce[:]) // it never fails
	if b.keyFile != "" {
		text, err := cli.ReadSecret(b.keyFile)
		if err != nil {
			return nil, err
		}
		if s.payer, err = wallet.ParseKey(text); err != nil {
			return nil, cli.ArgError("--key-file: %w", err)
		}
	}
	for i := range b.wallets {
		s.keys = append(s.keys, keyNamed(fmt.Sprintf("wallet %d of seed %d", i, b.seed)))
	}
	return s, nil
}

// transfer signs a transfer.
func (s *signer) transfer(from *wallet.Key, to string, amount chain.Amount) (tx chain.Transaction, err error) {
	var nonce [16]byte
	copy(nonce[:], s.nonce[:])
	binary.BigEndian.PutUint64(nonce[8:], s.counter.Add(1))
	tx = chain.Transaction{Kind: chain.Transfer, Sender: from.Address(), Recipient: to, Amount: amount, Auth: &chain.Auth{Nonce: hex.EncodeToString(nonce[:])}}
	if tx.Auth.Expires, err = s.moment.At(time.Now()).Expires(validFor); err != nil {
		return tx, err
	}
	return tx, from.Sign(&tx, s.target.contract.ChainID, s.target.contract.Contract.Decimals)
}

// appendDrawn signs a transfer that is drawn, and appends its text.
func (s *signer) appendDrawn(dst []byte, p *picker) ([]byte, chain.ID, error) {
	from, to := p.pair()
	tx, err := s.transfer(s.keys[from], s.keys[to].Address(), chain.Amount(p.amount()))
	return chain.AppendTransaction(dst, &tx, s.target.contract.Contract.Decimals), tx.ID, err
}

// appendBatch signs a batch, and appends the body of its request.
func (s *signer) appendBatch(dst []byte, size int, p *picker) (_ []byte, err error) {
	dst = append(dst, `{"transactions":[`...)
	for i := range size {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, _, err = s.appendDrawn(dst, p); err != nil {
			return nil, err
		}
	}
	return append(dst, `]}`...), nil
}

// fund pays every wallet, all alike, half of what the payer has, and tells how many transfers
// that took.
func (s *signer) fund(ctx context.Context) (uint64, error) {
	info := &s.target.contract
	balance, err := s.target.balance(ctx, s.target.named[0], s.payer.Address(), "")
	if err != nil {
		return 0, err
	}
	each := balance / 2 / chain.Amount(len(s.keys))
	if each < 1_000_000 {
		return 0, fmt.Errorf("%s has %d units, too few for %d wallets", s.payer.Address(), balance, len(s.keys))
	}
	for first := 0; first < len(s.keys); first += 1000 {
		body := []byte(`{"transactions":[`)
		group := s.keys[first:min(first+1000, len(s.keys))]
		for i, key := range group {
			tx, err := s.transfer(s.payer, key.Address(), each)
			if err != nil {
				return 0, err
			}
			if i > 0 {
				body = append(body, ',')
			}
			body = chain.AppendTransaction(body, &tx, info.Contract.Decimals)
		}
		answer, err := s.target.post(ctx, "/v1/transactions:batch?contract="+info.Contract.Token, append(body, `]}`...))
		if err == nil {
			err = checkBatch(answer, len(group))
		}
		if err != nil {
			return 0, fmt.Errorf("paying the wallets: %w: %.300s", err, answer)
		}
	}
	return uint64(len(s.keys)), nil
}

// presigned are requests that were signed before the load; connections take them in turn.
type presigned struct {
	bodies [][]byte
	ids    []chain.ID // of single transfers
	next   atomic.Int64
}

// sign signs so many transfers, on all processors.
func (s *signer) sign(ctx context.Context, transfers, batch int, pick func(int) *picker) (*presigned, error) {
	all := &presigned{bodies: make([][]byte, (transfers+batch-1)/batch)}
	if batch == 1 {
		all.ids = make([]chain.ID, len(all.bodies))
	}
	errs := make([]error, runtime.NumCPU())
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range errs {
		own := pick(w)
		workers.Go(func() {
			for i := int(next.Add(1) - 1); i < len(all.bodies) && errs[w] == nil && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if batch == 1 {
					all.bodies[i], all.ids[i], errs[w] = s.appendDrawn(nil, own)
				} else {
					all.bodies[i], errs[w] = s.appendBatch(nil, batch, own)
				}
			}
		})
	}
	workers.Wait()
	return all, errors.Join(append(errs, ctx.Err())...)
}

// presignedSource sends what was signed beforehand.
type presignedSource struct {
	all     *presigned
	head    string
	batch   int
	at      int
	request []byte
}

func (s *presignedSource) Next() []byte {
	s.at = int(s.all.next.Add(1) - 1)
	if s.at >= len(s.all.bodies) {
		return nil
	}
	s.request = appendRequest(s.request[:0], s.head, s.all.bodies[s.at])
	return s.request
}

func (s *presignedSource) Check(_ int, body []byte) error {
	if s.batch > 1 {
		return checkBatch(body, s.batch)
	}
	return checkOne(body, s.all.ids[s.at])
}

// signingSource signs while it sends.
type signingSource struct {
	signer  *signer
	pick    *picker
	head    string
	batch   int
	body    []byte
	request []byte
	id      chain.ID
}

func (s *signingSource) Next() []byte {
	var err error
	if s.batch > 1 {
		s.body, err = s.signer.appendBatch(s.body[:0], s.batch, s.pick)
	} else {
		s.body, s.id, err = s.signer.appendDrawn(s.body[:0], s.pick)
	}
	if err != nil {
		return nil // the chain's time is far ahead: nothing more can be signed
	}
	s.request = appendRequest(s.request[:0], s.head, s.body)
	return s.request
}

func (s *signingSource) Check(_ int, body []byte) error {
	if s.batch > 1 {
		return checkBatch(body, s.batch)
	}
	return checkOne(body, s.id)
}

package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

// signing is what the commands share that sign a transaction and send it, or
// with --offline print it.
type signing struct {
	*cli.Options
	keys      keyOptions
	expiresIn time.Duration
	offline   bool
	chainID   string
	decimals  int
	trustTime bool
}

func newSigning(o *cli.Options) *signing { return &signing{Options: o} }

func (s *signing) flags(cmd *cobra.Command) {
	s.keys.flags(cmd)
	f := cmd.PersistentFlags()
	f.DurationVar(&s.expiresIn, "expires-in", time.Hour, "how long the ledger may take to apply it, at most "+chain.MaxExpires.String())
	f.BoolVar(&s.offline, "offline", false, "print the signed transaction and use no network; needs --chain-id, --decimals and --contract")
	f.StringVar(&s.chainID, "chain-id", "", "hash of the genesis block; with a server: sign only if it is this chain, and know it from now on")
	f.BoolVar(&s.trustTime, "trust-chain-time", false, "count --expires-in from the chain's time however far ahead of this machine's clock a server says it is")
	f.IntVar(&s.decimals, "decimals", -1, "decimal places of the token, with --offline")
}

// terms are what a transaction is signed under.
type terms struct {
	contract chain.Contract
	chainID  chain.Hash
	moment   wallet.Moment
}

// fill describes a transaction under its terms.
type fill func(t *terms, tx *chain.Transaction) error

// amount reads an amount in tokens.
func (t *terms) amount(flag, text string) (chain.Amount, error) {
	if text == "" {
		return 0, cli.ArgError("--%s is required", flag)
	}
	a, err := chain.ParseAmount(text, t.contract.Decimals)
	if err != nil {
		return 0, cli.ArgError("--%s: %w", flag, err)
	}
	return a, nil
}

// check looks at the flags that all signing commands have.
func (s *signing) check() error {
	if s.expiresIn < time.Second || s.expiresIn > chain.MaxExpires {
		return cli.ArgError("--expires-in is 1s to %s", chain.MaxExpires)
	}
	if s.chainID != "" && !isChainID(s.chainID, s.offline) {
		return cli.ArgError("--chain-id is 64 lower-case hex digits; with a server the first %d will do", minChainID)
	}
	if s.offline && (s.chainID == "" || s.Contract == "" || s.decimals < 0 || s.decimals > chain.MaxDecimals) {
		return cli.ArgError("--offline needs --chain-id, --contract and --decimals (0 to %d)", chain.MaxDecimals)
	}
	return nil
}

// terms come from the flags with --offline, else from a server.
func (s *signing) terms(cmd *cobra.Command) (t terms, err error) {
	if err := s.check(); err != nil {
		return t, err
	}
	now := time.Now()
	t.moment = wallet.Moment{Local: now, Chain: now, Trusted: s.trustTime}
	if s.offline {
		t.contract = chain.Contract{Token: s.Contract, Decimals: s.decimals, Wallets: chain.SignedWallets, BPSC: chain.BPSCAddress(s.Contract)}
		t.chainID, err = chain.ParseHash(s.chainID)
		return t, err
	}
	err = s.With(cmd, func(ctx context.Context, c *client.Client) error {
		info, err := c.Contract(ctx, s.Contract)
		t.contract, t.chainID, t.moment.Local, t.moment.Chain = info.Contract, info.ChainID, time.Now(), info.Time
		if info.Time.IsZero() {
			t.moment.Chain = t.moment.Local
		}
		return err
	})
	return t, err
}

// minChainID is how many digits of a chain's id name it: as many as the tables
// show.
const minChainID = 16

func isChainID(text string, whole bool) bool {
	hex := strings.Trim(text, "0123456789abcdef") == ""
	return hex && (len(text) == 64 || !whole && len(text) >= minChainID && len(text) < 64)
}

// checkTerms refuses to sign where it would mean nothing, or something else.
func (s *signing) checkTerms(t *terms) error {
	switch {
	case t.contract.Wallets != chain.SignedWallets:
		return cli.ArgError("nothing is signed in the contract %s: its wallets are %s", t.contract.Token, t.contract.Wallets)
	case t.chainID.IsZero():
		return fmt.Errorf("%w: the server has not seen the chain begin", client.ErrUnavailable)
	case s.offline:
		return nil
	case !strings.HasPrefix(t.chainID.String(), s.chainID):
		return fmt.Errorf("%w: the server's chain is %s, not that of --chain-id", chain.ErrInvalid, t.chainID)
	}
	return s.checkKnown(t)
}

// checkKnown holds the servers to the chain that they showed first. Whoever
// names the chain has decided.
func (s *signing) checkKnown(t *terms) error {
	keys, err := s.keys.store()
	if err != nil {
		return err
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	names := []string{t.contract.Token}
	if s.Contract == "" {
		names = append(names, "*") // whichever the cluster's first is
	}
	known := wallet.KnownChains{Dir: keys.Dir}
	if s.chainID != "" {
		return known.Trust(c.Servers(), names, t.chainID)
	}
	err = known.Check(c.Servers(), names, t.chainID)
	if errors.Is(err, wallet.ErrChainChanged) {
		return fmt.Errorf("%w: %w", chain.ErrInvalid, err)
	}
	return err
}

// run is a command that does nothing but sign one transaction.
func (s *signing) run(cmd *cobra.Command, name string, fill fill) error {
	if name == "" {
		return cli.ArgError("--wallet is required")
	}
	t, err := s.terms(cmd)
	if err != nil {
		return err
	}
	return s.signAndSend(cmd, &t, name, fill)
}

// signAndSend makes the transaction that fill describes, signs it with the key
// of that name, and sends or prints it.
func (s *signing) signAndSend(cmd *cobra.Command, t *terms, name string, fill fill) error {
	if err := s.checkTerms(t); err != nil {
		return err
	}
	tx := &chain.Transaction{}
	if err := fill(t, tx); err != nil {
		return err
	}
	stored, err := s.keys.unlock(cmd, name)
	if err != nil {
		return err
	}
	if err := s.sign(t, tx, stored.Key); err != nil {
		return err
	}
	signed, err := client.NewSigned(t.contract.Token, t.contract.Decimals, tx)
	if err != nil {
		return err
	}
	if !s.offline {
		return submit(s.Options, cmd, signed, t.chainID)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "id", tx.ID)
	_, err = cmd.OutOrStdout().Write(signed.Encode())
	return err
}

// sign fills in what makes tx the key's own. What no ledger would take is not
// signed.
func (s *signing) sign(t *terms, tx *chain.Transaction, key *wallet.Key) error {
	nonce, err := wallet.NewNonce(rand.Reader)
	if err != nil {
		return err
	}
	expires, err := t.moment.At(time.Now()).Expires(s.expiresIn)
	if errors.Is(err, wallet.ErrChainAhead) {
		return fmt.Errorf("%w: set the clock right; if it is, ask who runs the cluster, or give --trust-chain-time", err)
	} else if err != nil {
		return err
	}
	tx.Sender = key.Address()
	tx.Auth = &chain.Auth{Nonce: nonce, Expires: expires}
	if err := tx.Validate(&t.contract); err != nil {
		return cli.ArgError("%w", err)
	}
	return key.Sign(tx, t.chainID, t.contract.Decimals)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/store"
)

// world is a member's store with a chain of six blocks, of which n1 and n3 have
// signed the first five.
type world struct {
	store    *store.Store
	requests command.Requester
	keys     map[string]proof.SigningKey
}

const (
	worldSigned = 5
	worldTime   = chain.Seconds(1_800_000_000)
)

// newWorld makes the same chain in any folder.
func newWorld(dir string) (*world, error) {
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state")})
	if err != nil {
		return nil, err
	}
	w := &world{store: s, keys: map[string]proof.SigningKey{}}
	machine := fsm.New(s)
	w.requests = w.order(machine)
	for i, id := range []string{"n1", "n2", "n3", "eve"} {
		name, err := proof.KeyName("", id)
		if err != nil {
			return nil, err
		}
		if w.keys[id], err = proof.NewSigningKey(name, [32]byte{byte(i + 1)}); err != nil {
			return nil, err
		}
	}
	if err := w.fill(); err != nil {
		return nil, err
	}
	return w, machine.Configure(machine.AppliedIndex(), []string{"n1", "n2", "n3"}, nil)
}

// order applies each request as an entry of the log, a second after the one
// before.
func (w *world) order(m *fsm.Machine) command.Requester {
	index := uint64(0)
	return func(_ context.Context, requests [][]byte) []command.Result {
		answers := make([]command.Result, len(requests))
		for i, r := range requests {
			index++
			result, err := m.Apply(index, int64((worldTime + chain.Seconds(index)).Micros()), [][]byte{r})
			if answers[i] = (command.Result{Index: index, Err: err}); err == nil {
				answers[i].Data = result(0)
			}
		}
		return answers
	}
}

func (w *world) fill() error {
	ctx := context.Background()
	c := openContract()
	c.Token = "aka"
	if _, err := w.requests.CreateContract(ctx, c); err != nil {
		return err
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		if err := w.requests.Announce(ctx, command.Announce{Member: id, URL: "http://" + id + ".example:5000", Key: w.keys[id].Verifier().String()}); err != nil {
			return err
		}
	}
	for block := 2; block <= worldSigned+1; block++ {
		if err := w.send(fmt.Sprint("k", block), 12_500_000); err != nil {
			return err
		}
		if _, err := w.requests.Produce(ctx, "aka"); err != nil {
			return err
		}
	}
	for _, id := range []string{"n1", "n3"} {
		c, err := w.checkpoint(worldSigned)
		if err != nil {
			return err
		}
		line, err := proof.Cosign(c.Body(), w.keys[id], worldTime)
		if err != nil {
			return err
		}
		a := chain.Attestation{Member: id, Size: c.Size, Root: c.Root, Cosignature: line}
		if err := w.requests.Attest(ctx, "aka", a); err != nil {
			return err
		}
	}
	return w.send("pending", 1)
}

func (w *world) send(key string, amount chain.Amount) error {
	tx := chain.Transaction{ID: chain.DeriveID([]byte(key)), Sender: "alice", Recipient: "bob", Amount: amount}
	info, err := w.store.Contract("aka")
	if err != nil {
		return err
	}
	return w.requests.Submit(context.Background(), &info.Contract, []chain.Transaction{tx})[0].Err
}

func (w *world) checkpoint(size uint64) (proof.Checkpoint, error) {
	info, err := w.store.Contract("aka")
	if err != nil {
		return proof.Checkpoint{}, err
	}
	root, err := tlog.TreeHash(int64(size), w.store.LogHashes("aka"))
	return proof.Checkpoint{Origin: proof.Origin("aka", info.ID), Size: size, Root: chain.Hash(root)}, err
}

// note is a checkpoint signed by those.
func (w *world) note(c proof.Checkpoint, signers ...string) ([]byte, error) {
	var lines []string
	for _, id := range signers {
		line, err := proof.Cosign(c.Body(), w.keys[id], worldTime)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return proof.AssembleNote(c.Body(), lines...)
}

func (w *world) evidence() node.Evidence {
	return node.NewEvidence(w.store, nil, 0)
}

// only is the one member there is, as the API sees it.
type only struct{ api.Member } // what the scripts do not ask for is nil

func (only) Barrier(context.Context) error             { return nil }
func (only) Busy(int) error                            { return nil }
func (only) WaitApplied(context.Context, uint64) error { return nil }
func (only) Ready() error                              { return nil }
func (only) LastContact() time.Duration                { return 0 }
func (only) Leader() (string, bool)                    { return "n1", true }
func (only) IsLeader() bool                            { return true }
func (only) Now() (int64, bool)                        { return 0, false }
func (only) Cluster() api.ClusterStatus                { return api.ClusterStatus{} }

func (only) ChangeMembers(context.Context, api.MemberChange) (api.MembersChanged, error) {
	return api.MembersChanged{}, outcome.QuorumAtRisk // there is no other
}

// setUpWorld serves a world at $BPSC_SERVER, and leaves beside the script: the
// same world as the folder `stopped`, `running`, whose lock is held, and
// `tampered`, and `followed`, a follower's; policies; and evidence.
func setUpWorld(env *testscript.Env) error {
	in := func(name string) string { return filepath.Join(env.WorkDir, name) }
	verifier, err := filepath.Abs("../../docs/verify_receipt.py")
	if err != nil {
		return err
	}
	env.Setenv("VERIFIER", verifier)
	var w *world
	for _, name := range []string{"running", "stopped", "tampered"} {
		var err error
		if w, err = newWorld(in(name)); err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(in(name), "raft"), 0o700); err != nil {
			return err
		}
		switch name {
		case "running":
			lock := flock.New(filepath.Join(in(name), "LOCK"))
			if ok, err := lock.TryLock(); !ok || err != nil {
				return fmt.Errorf("cannot lock: %w", err)
			}
			env.Defer(func() { _ = lock.Close() })
			if err := serveWorld(env, w); err != nil {
				return err
			}
			if err := writeWorldFiles(w, in); err != nil {
				return err
			}
			if err := followWorld(w, in("followed")); err != nil {
				return err
			}
			continue
		case "tampered":
			if err := w.tamper(); err != nil {
				return err
			}
		}
		if err := w.store.Close(); err != nil {
			return err
		}
	}
	return nil
}

// worldState is the store of a member as the API sees it.
type worldState struct{ *store.Store }

func (s worldState) Time(string) chain.Micros { return s.Store.Time() }

func (s worldState) AccountAt(token, name string, block uint64) (chain.Account, error) {
	return fsm.AccountAt(s.Store, token, name, block)
}

func serveWorld(env *testscript.Env, w *world) error {
	h, err := api.New(api.DefaultConfig(), w.requests, worldState{w.store}, only{}, w.evidence())
	if err != nil {
		return err
	}
	s := httptest.NewServer(h)
	env.Defer(func() {
		s.Close()
		_ = w.store.Close()
	})
	env.Setenv("BPSC_SERVER", s.URL)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("GORACE", os.Getenv("GORACE"))
	env.Setenv("SETTLED", chain.DeriveID([]byte("k3")).String())
	env.Setenv("LATE", chain.DeriveID([]byte("k6")).String())
	env.Setenv("UNKNOWN", chain.DeriveID([]byte("nothing")).String())
	refused := "too much"
	env.Setenv("REFUSED", chain.DeriveID([]byte(refused)).String())
	for _, key := range []string{"much", refused} {
		if err := w.send(key, chain.MaxUnits-100_000_000); err != nil {
			return err
		}
	}
	return nil
}

// followWorld leaves the folder of a follower that has stopped: what it adopted,
// and the checkpoint it verified.
func followWorld(w *world, dir string) error {
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state"), Log: true})
	if err != nil {
		return err
	}
	var v chain.Verifier
	adopter := fsm.NewAdopter(s)
	err = w.store.Blocks("aka", 1, 0, func(_ uint64, canonical []byte) error {
		checked, err := v.Check(canonical)
		if err == nil {
			err = v.Link(checked)
		}
		if err == nil {
			_, err = adopter.Adopt("aka", []chain.Checked{checked})
		}
		return err
	})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	note, err := w.evidence().Checkpoint("aka")
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "checkpoints"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "checkpoints", "aka.checkpoint"), note, 0o600)
	}
	// It died before what it had adopted reached a table.
	return errors.Join(err, s.Sync(context.Background()), s.Abandon())
}

// tamper gives somebody a token behind the chain's back.
func (w *world) tamper() error {
	return w.store.Update(w.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head("aka")
		before := tx.Account(h, "bob")
		now := before
		now.Balance += 1_000_000
		tx.SetAccount(h, "bob", before, now)
		return nil
	})
}

// writeWorldFiles leaves policies and evidence.
func writeWorldFiles(w *world, in func(string) string) error {
	text, err := w.evidence().Policy("aka")
	if err != nil {
		return err
	}
	p, err := proof.ParsePolicy(text)
	if err != nil {
		return err
	}
	members := p.Members()
	other, err := proof.NewPolicy(members, 2, nil, 0, proof.Chain{Token: "aka", ID: chain.Hash{0xab}})
	if err != nil {
		return err
	}
	anyChain, err := proof.NewPolicy(members, 2, nil, 0)
	if err != nil {
		return err
	}
	members[0].Key = w.keys["eve"].Verifier()
	strangers, err := proof.NewPolicy(members, 2, nil, 0, p.Chains()...)
	if err != nil {
		return err
	}
	c, err := w.checkpoint(3)
	if err != nil {
		return err
	}
	forged := c
	forged.Root[0]++
	files := map[string][]byte{
		"policy":      text,
		"other-chain": []byte(other.String()),
		"without-n1":  []byte(strangers.String()),
		"any-chain":   []byte(anyChain.String()),
		"empty":       {},
	}
	if err := w.addHistories(text, files); err != nil {
		return err
	}
	for name, signers := range map[string][2][]string{
		"evidence.json": {{"n1", "n3"}, {"n2", "n3"}},
		"nobody.json":   {{"n1"}, {"n2"}},
	} {
		a, err := w.note(c, signers[0]...)
		if err != nil {
			return err
		}
		b, err := w.note(forged, signers[1]...)
		if err != nil {
			return err
		}
		e, err := proof.NewEquivocation(a, b, chain.Hash{}, nil)
		if err != nil {
			return err
		}
		files[name] = e.Marshal()
	}
	served := `{"index": 3}`
	kept := chainsync.Evidence{Time: worldTime.Time(), Upstream: "http://eve.example\x1b[2J", Token: "aka", Index: 3,
		Reason: chainsync.SecondHistory, Detail: "not our block", SHA256: chain.HashBytes([]byte(served)).String(), Served: served, Ours: "{}"}
	if files["follower.json"], err = json.Marshal(kept); err != nil {
		return err
	}
	kept.Served += " "
	if files["follower2.json"], err = json.Marshal(kept); err != nil {
		return err
	}
	kept.Reason, kept.Ours, kept.SHA256 = chainsync.CheckpointContradicts, "", chain.HashBytes([]byte(kept.Served)).String()
	if files["follower3.json"], err = json.Marshal(kept); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(in(name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// addHistories adds what comes after the policy: eve takes n1's place at the end of the
// chain, or before it, or whoever is left goes on with her.
func (w *world) addHistories(policy []byte, files map[string][]byte) error {
	first, err := proof.ParsePolicy(policy)
	if err != nil {
		return err
	}
	next := first.Members()
	next[0] = proof.Cosigner{Name: "eve", Key: w.keys["eve"].Verifier()}
	p, err := proof.NewPolicy(next, 2, nil, 0)
	if err != nil {
		return err
	}
	fire := &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n1", "n2", "n3"}, After: []string{"eve", "n2", "n3"}}
	for name, h := range map[string]proof.Handover{
		"history":           {Ends: w.end(worldSigned)},
		"history-before":    {Ends: w.end(worldSigned - 1)},
		"history-recovered": {Ends: w.end(worldSigned - 1), Recovery: fire},
		"history-later":     {Ends: w.end(worldSigned), Recovery: fire},
	} {
		h.Number, h.Before, h.Policy = 2, first.Hash(), p.Core()
		var lines []string
		for _, id := range []string{"n2", "n3"} {
			line, err := proof.Cosign(h.Body(), w.keys[id], worldTime)
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		note, err := proof.AssembleNote(h.Body(), lines...)
		if err != nil {
			return err
		}
		files[name] = []byte(string(policy) + "\n# then\n\n" + string(note) + "# that is all\n")
		files[name+".hash"] = []byte(h.Hash().String())
	}
	return nil
}

// end is where the chain is at a handover.
func (w *world) end(size uint64) []proof.End {
	info, err := w.store.Contract("aka")
	if err != nil {
		return nil
	}
	return []proof.End{{Token: "aka", ID: info.ID, Size: size}}
}

package chainsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/recoveries"
)

// PolicySuffix ends the names of files in Config.PolicyDir, which begin with the token.
const PolicySuffix = ".policy"

const historySuffix = ".history"

// policyFile is where the first policy of a chain is that was given none,
// historyFile where it is with those that came after it.
func (cs *checkpoints) policyFile() string {
	return filepath.Join(cs.cfg.PolicyDir, cs.token+PolicySuffix)
}

func (cs *checkpoints) historyFile() string {
	return filepath.Join(cs.cfg.PolicyDir, cs.token+historySuffix)
}

// openPolicies finds the policy that is given, or was kept, and those that came
// after it.
func (cs *checkpoints) openPolicies() error {
	if h := cs.cfg.policy(cs.token); h != nil {
		var err error // what was given may stop at a recovery that is accepted by now
		if h, err = extendBy(proof.NewHistory(h.First()), []byte(h.String()), cs.cfg.AcceptRecovery); err != nil {
			return fmt.Errorf("follower: the policies given for %s: %w", cs.token, err)
		}
		cs.history, cs.source = h, PolicyGiven
	}
	if cs.cfg.PolicyDir == "" {
		return nil
	}
	if cs.history == nil {
		text, err := readIfThere(cs.policyFile())
		if text == nil || err != nil {
			return err
		}
		first, err := proof.ParsePolicy(text)
		if err != nil {
			return unreadable(cs.policyFile(), err)
		}
		cs.history, cs.source = proof.NewHistory(first), PolicyFirstUse
	}
	text, err := readIfThere(cs.historyFile())
	if text == nil || err != nil {
		return err
	}
	if cs.history, err = extendBy(cs.history, text, cs.cfg.AcceptRecovery); err != nil {
		return unreadable(cs.historyFile(), err)
	}
	cs.noteStop("")
	return nil
}

// extendBy is extend, by those in the text of a history.
func extendBy(h *proof.History, text []byte, accepted []chain.Hash) (*proof.History, error) {
	_, notes, err := proof.SplitHistory(text)
	if err != nil {
		return h, err
	}
	return extend(h, notes, accepted)
}

// readIfThere reads a file; nil when there is none.
func readIfThere(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// extend adds the handovers that follow. Others are passed over: they led to the
// policy that the history begins with, or are of another one.
func extend(h *proof.History, notes [][]byte, accepted []chain.Hash) (*proof.History, error) {
	for _, note := range notes {
		next, err := h.Extend(note, accepted)
		if errors.Is(err, proof.ErrHandoverOrder) {
			continue
		}
		if err != nil {
			return h, err
		}
		h = next
		if _, stopped := h.Stopped(); stopped {
			break
		}
	}
	return h, nil
}

// setHistory goes by other policies from now on. They are kept before. Only run
// calls it.
func (cs *checkpoints) setHistory(h *proof.History, source PolicySource) error {
	if cs.cfg.PolicyDir != "" {
		text := []byte(h.String())
		if err := durable.WriteFile(cs.historyFile(), text, 0o600); err != nil {
			return err
		}
		if err := cs.cfg.Kept.AddText(cs.historyFile(), text); err != nil {
			return err
		}
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.history, cs.source = h, source
	return nil
}

// pinPolicy asks the upstreams for the policies of a chain that was given none,
// and keeps the first that are shown for good. The error is final.
func (cs *checkpoints) pinPolicy(ctx context.Context, origin proof.Chain) error {
	for _, p := range cs.peers.askable(false) {
		h, err := cs.client.policies(ctx, p.url, origin)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if err := cs.missed(p, err); err != nil {
				return err
			}
			continue
		}
		first := []byte(h.First().String())
		if err := durable.WriteFile(cs.policyFile(), first, 0o600); err != nil {
			return err
		}
		if err := cs.cfg.Kept.AddText(cs.policyFile(), first); err != nil {
			return err
		}
		var keys []string
		for _, m := range h.Newest().Members() {
			keys = append(keys, m.Name+" "+m.Key.String())
		}
		cs.cfg.Logger.Warn("an upstream says who the members are, and is believed from now on; compare their keys with a copy from somebody you trust",
			"contract", cs.token, "upstream", p.url, "members", keys, "file", cs.policyFile())
		if err := cs.setHistory(h, PolicyFirstUse); err != nil {
			return err
		}
		return cs.open()
	}
	return nil
}

// policies asks an upstream who has been signing for a chain, from the first
// members on, or from those that were left after a recovery. The error may be a
// *refusal.
func (c *httpClient) policies(ctx context.Context, upstream string, origin proof.Chain) (*proof.History, error) {
	text, err := c.read(ctx, upstream+"/v1/policy?contract="+url.QueryEscape(origin.Token), typeText, proof.MaxPolicyBytes)
	if err != nil {
		return nil, err
	}
	newest, err := proof.ParsePolicy(text)
	if err != nil {
		return nil, refuse(CheckpointRefused, "its policy: %s", clip(err.Error()))
	}
	if !slices.Contains(newest.Chains(), origin) {
		return nil, refuse(CheckpointRefused, "its policy does not name %s %s", origin.Token, origin.ID)
	}
	core, notes, err := c.handovers(ctx, upstream, origin.Token, 1)
	if isMissing(err) {
		return proof.NewHistory(newest), nil // it keeps no history
	}
	if err != nil {
		return nil, err
	}
	first, err := newest.WithMembers(core)
	if err != nil {
		return nil, refuse(CheckpointRefused, "its first policy: %s", clip(err.Error()))
	}
	h, last := proof.NewHistory(first), 1
	for len(notes) > 0 && err == nil {
		for _, note := range notes {
			var said proof.Handover
			if said, err = proof.ReadHandover(note); err == nil {
				h, err = h.Extend(note, []chain.Hash{said.Hash()})
			}
			if err == nil && said.Recovery != nil { // what was before it is not for this node to accept
				h = proof.NewHistory(h.Newest())
			}
			if err != nil {
				return nil, refuse(CheckpointRefused, "its handover to policy %d: %s", said.Number, clip(err.Error()))
			}
			if said.Number <= last { // it would go on for ever
				return nil, refuse(CheckpointRefused, "its policies after %d lead nowhere", last)
			}
			last = said.Number
		}
		_, notes, err = c.handovers(ctx, upstream, origin.Token, last)
	}
	if err != nil {
		return nil, err
	}
	if h.Newest().Hash() != newest.Hash() { // one of them is older: it will be followed
		return proof.NewHistory(newest), nil
	}
	return h, nil
}

// handovers asks an upstream for the policy of a number and what came after it,
// as many as it puts into one answer. The error may be a *refusal.
func (c *httpClient) handovers(ctx context.Context, upstream, token string, from int) (*proof.Policy, [][]byte, error) {
	target := upstream + "/v1/policies?contract=" + url.QueryEscape(token) + "&from=" + strconv.Itoa(max(from, 1))
	text, err := c.read(ctx, target, typeText, proof.MaxHistoryBytes)
	if err != nil {
		return nil, nil, err
	}
	core, notes, err := proof.SplitHistory(text)
	if err != nil {
		return nil, nil, refuse(CheckpointRefused, "its policies: %s", clip(err.Error()))
	}
	p, err := proof.ParsePolicy(core)
	if err != nil {
		return nil, nil, refuse(CheckpointRefused, "its policy: %s", clip(err.Error()))
	}
	return p, notes, nil
}

// isMissing tells whether an upstream has nothing of the kind.
func isMissing(err error) bool {
	r := asRefusal(err)
	return r != nil && r.status == http.StatusNotFound
}

// catchUp asks an upstream for the policies that came after the newest known, and
// goes by those whose handover the members before have signed. It stops at a
// recovery that nobody has accepted. The error may be a *refusal.
func (cs *checkpoints) catchUp(ctx context.Context, p *peer) error {
	for from := cs.history.Number(); ; {
		_, notes, err := cs.client.handovers(ctx, p.url, cs.token, from)
		if isMissing(err) {
			return nil // it has no such policy, or keeps no history
		}
		if err != nil {
			return err
		}
		before := cs.history
		grown, err := extend(before, notes, cs.cfg.AcceptRecovery)
		if changed(before, grown) {
			if err := cs.setHistory(grown, cs.source); err != nil {
				return err
			}
			cs.cfg.Logger.Warn("the members have changed, as those before them have signed", "contract", cs.token,
				"upstream", p.url, "policy", grown.Number(), "members", names(grown.Newest()))
			cs.noteStop(p.url)
		}
		if err != nil {
			return refuse(CheckpointRefused, "its handover: %s", clip(err.Error()))
		}
		if _, stopped := grown.Stopped(); stopped || len(notes) == 0 {
			return nil
		}
		last, err := proof.ReadHandover(notes[len(notes)-1])
		if err != nil || last.Number <= from { // it would go on for ever
			return refuse(CheckpointRefused, "its policies after %d lead nowhere", from)
		}
		from = last.Number
	}
}

// changed tells whether extend has added something.
func changed(before, after *proof.History) bool {
	was, _ := before.Stopped()
	is, _ := after.Stopped()
	return before.Number() != after.Number() || was.Number != is.Number
}

func names(p *proof.Policy) (list []string) {
	for _, m := range p.Members() {
		list = append(list, m.Name)
	}
	return list
}

// Recovery is a handover that nobody here has accepted: a cluster had lost its
// majority, and somebody went on without it.
type Recovery struct {
	proof.Recovery
	Policy   int        `json:"policy"`   // number of the policy that would be next
	Size     uint64     `json:"size"`     // blocks of the chain that are before it
	Handover chain.Hash `json:"handover"` // hash, to accept it by
}

// stopped is the recovery that this chain waits at, or nil. Any goroutine may ask.
func (cs *checkpoints) stopped() *Recovery {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.history == nil {
		return nil
	}
	h, stopped := cs.history.Stopped()
	if !stopped {
		return nil
	}
	r := &Recovery{Recovery: *h.Recovery, Policy: h.Number, Handover: h.Hash()}
	for _, end := range h.Ends {
		if end.Token == cs.token {
			r.Size = end.Size
		}
	}
	return r
}

// noteStop says that the chain waits.
func (cs *checkpoints) noteStop(upstream string) {
	if r := cs.stopped(); r != nil {
		cs.cfg.Logger.Error("the cluster lost its majority, and somebody went on without it; nothing after that is taken until this node is started with --accept-recovery and the hash, or with the new policy",
			"contract", cs.token, "upstream", upstream, "after_block", r.Size, "by", r.By, "reason", r.Reason,
			"before", r.Before, "after", r.After, "hash", r.Handover)
	}
}

// recoveriesFile remembers what was accepted.
const recoveriesFile = "recoveries.json"

// rememberRecoveries adds those to AcceptRecovery that were accepted once.
func (c *Config) rememberRecoveries() (err error) {
	if c.PolicyDir == "" {
		return nil
	}
	path := filepath.Join(c.PolicyDir, recoveriesFile)
	if c.AcceptRecovery, err = recoveries.Remember(path, c.AcceptRecovery); errors.Is(err, durable.ErrSeal) {
		return unreadable(path, err)
	}
	return err
}

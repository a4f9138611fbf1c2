package witness

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
)

// Log is a cluster whose chains a witness cosigns.
type Log struct {
	// Name is what messages call it: the policy's file. Nothing is kept under it.
	Name string
	// Policy has the members' keys and says how many of them it takes; its own
	// witnesses do not count here. Where it names chains, the witness cosigns
	// those; else any of these members, the first 1,000.
	Policy *proof.Policy
}

// Config is what a Witness has to know. Start from DefaultConfig.
type Config struct {
	// Dir is the folder of what it has seen, its own and nobody else's. It must
	// never come back from a backup: see DESIGN.md.
	Dir string
	// Key signs. It is the key of no member.
	Key proof.SigningKey
	// Logs are the clusters it knows, 1 to 100. No two name one chain.
	Logs []Log
	// Now is the time that cosignatures carry.
	Now    func() time.Time
	Logger *slog.Logger
}

// DefaultConfig is a Config without folder, key and logs.
func DefaultConfig() Config {
	return Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Dir == "" || c.Key.Verifier().Name() == "" || c.Now == nil || c.Logger == nil:
		return errors.New("witness: a folder, a key, a clock and a logger are needed")
	case len(c.Logs) == 0 || len(c.Logs) > maxLogs:
		return fmt.Errorf("witness: %d logs, 1 to %d are possible", len(c.Logs), maxLogs)
	}
	pinned := map[string]string{}
	for _, l := range c.Logs {
		if l.Policy == nil {
			return fmt.Errorf("witness: log %q has no policy", l.Name)
		}
		for _, m := range l.Policy.Members() {
			if m.Key.Public() == c.Key.Verifier().Public() {
				return fmt.Errorf("witness: log %q: member %s has the witness's key, and nobody is a witness of itself", l.Name, m.Name)
			}
		}
		for _, chain := range l.Policy.Chains() {
			origin := proof.Origin(chain.Token, chain.ID)
			if other, twice := pinned[origin]; twice {
				return fmt.Errorf("witness: %s is named by the logs %q and %q", origin, other, l.Name)
			}
			pinned[origin] = l.Name
		}
	}
	return nil
}

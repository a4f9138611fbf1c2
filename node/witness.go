package node

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/witness"
)

// WitnessConfig is how a witness is to run. Start from DefaultWitnessConfig; Data,
// Name and Logs are required.
type WitnessConfig struct {
	Common
	// Name is that of the witness in policies.
	Name string
	// Logs are whose checkpoints are cosigned.
	Logs []witness.Log
	// AcceptRecovery are the hashes of handovers by which clusters that had lost
	// their majority went on.
	AcceptRecovery []chain.Hash
}

// DefaultWitnessConfig is a WitnessConfig without what only the witness knows.
func DefaultWitnessConfig() WitnessConfig {
	return WitnessConfig{Common: defaultCommon("127.0.0.1:5500")}
}

// Validate says what is wrong with c, by the names of bpsc's flags.
func (c *WitnessConfig) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("--name is required")
	case c.Data == "":
		return errors.New("--data is required")
	case len(c.Logs) == 0:
		return errors.New("--policy is required")
	}
	return cmp.Or(c.TLS.validate(c.Listen), c.checkAdmin())
}

// Witness is a running witness. Its methods are safe for concurrent use.
type Witness struct {
	*service
	cfg WitnessConfig
	key proof.SigningKey
}

// StartWitness starts a witness.
func StartWitness(ctx context.Context, cfg WitnessConfig) (*Witness, error) {
	if err := cfg.Validate(); err != nil {
		return nil, usage(err)
	}
	w := &Witness{service: newService(cfg.Common), cfg: cfg}
	if err := w.start(ctx, w); err != nil {
		return nil, err
	}
	return w, nil
}

// open implements kind. The folder's lock is the witness package's.
func (w *Witness) open() error {
	files, err := witnessFiles(w.cfg.Files, w.cfg.adminFiles())
	if err != nil {
		return err
	}
	if err := errors.Join(w.openCertificates(), checkWitness(w.cfg.Data, w.cfg.Name)); err != nil {
		return err
	}
	if err := checkListen(address{"listen", w.cfg.Listen}); err != nil {
		return err
	}
	if w.key, err = WitnessKey(w.cfg.Data, w.cfg.Name); err != nil {
		return err
	}
	cfg := witness.DefaultConfig()
	cfg.AcceptRecovery = w.cfg.AcceptRecovery
	cfg.Key, cfg.Logs, cfg.Dir, cfg.Logger = w.key, w.cfg.Logs, filepath.Join(w.cfg.Data, "logs"), w.log
	watching, err := witness.New(cfg)
	if err != nil {
		return err
	}
	w.opened(watching.Close)
	if err := w.listen(); err != nil {
		return err
	}
	w.fence.Look()
	guard := edge.NewGuard(edge.DefaultConfig())
	handler := api.Around(w.measured.Around(readOnlyWhileShort(watching.Handler(), w.fence)), guard)
	if w.server, err = witness.NewServer(handler, files.clients, guard.Origin, w.log); err != nil {
		return err
	}
	ready := func() error { return cmp.Or(watching.Ready(), w.fence.Err()) }
	return w.listenAdmin(w.figures(watching, ready), ready)
}

// begin implements kind.
func (w *Witness) begin() {
	w.work.Go(func() { w.fence.Run(w.ctx) })
	w.log.Info("witness is up", "listen", w.address(), "key", w.key.String(), "version", w.cfg.Version)
}

// stop implements kind.
func (w *Witness) stop(bool) error {
	w.cancel()
	w.leaveClients()
	w.work.Wait()
	return nil
}

// WitnessKey is the key in a witness's folder; both are made when there is none.
func WitnessKey(data, name string) (proof.SigningKey, error) {
	if err := checkWitness(data, name); err != nil {
		return proof.SigningKey{}, err
	}
	if err := durable.MkdirAll(data, 0o700); err != nil {
		return proof.SigningKey{}, err
	}
	return folder.SigningKey(filepath.Join(data, folder.WitnessKey), "witness", name)
}

// checkWitness finds what is wrong with a witness's folder and name, and writes
// nothing.
func checkWitness(data, name string) error {
	if err := folder.Check(data, folder.Witness); err != nil {
		return err
	}
	return folder.CheckSigningKey(filepath.Join(data, folder.WitnessKey), "witness", name)
}

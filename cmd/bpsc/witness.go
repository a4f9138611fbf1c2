package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/webserver"
	"github.com/bpsc/bpsc/witness"
)

// witnessConfig is how `bpsc witness` is to run.
type witnessConfig struct {
	Name     string   // of the witness, in policies
	Listen   string   // host:port
	Data     string   // folder for the key and for what was cosigned
	Policies []string // files: whose checkpoints are cosigned
	logConfig
}

func newWitnessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "witness", Short: "Run a witness: cosign checkpoints, and no two that contradict each other", Args: exactArgs(0),
		Long: "Run a witness after C2SP tlog-witness, on another machine and by other people than the\n" +
			"clusters it watches. It cosigns a checkpoint once the majority that a policy asks for has\n" +
			"signed it and it extends the one before, and remembers that before it answers. Keep its\n" +
			"folder out of every backup: a witness that forgets is none.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadWitnessConfig(cmd.Flags())
			if err != nil {
				return err
			}
			return runProcess(cmd.Context(), cfg.logConfig, func(ctx context.Context, p *process) error {
				return runWitness(ctx, p, cfg)
			})
		},
	}
	witnessFlags(cmd.Flags())
	cmd.AddCommand(newWitnessKeyCommand())
	return cmd
}

func witnessFlags(f *pflag.FlagSet) {
	settingsFlags(f)
	f.String("name", "", "name of this witness in policies (required)")
	f.String("listen", "127.0.0.1:5500", "host:port to serve on")
	f.String("data", "", "folder for the key and for what was cosigned (required)")
	f.StringSlice("policy", nil, "policy file of a cluster whose checkpoints are cosigned; may be repeated (required)")
}

func loadWitnessConfig(flags *pflag.FlagSet) (witnessConfig, error) {
	k, err := loadSettings(flags)
	if err != nil {
		return witnessConfig{}, err
	}
	c := witnessConfig{Name: k.String("name"), Listen: k.String("listen"), Data: k.String("data"),
		Policies: settingList(k, "policy", ","), logConfig: readLogConfig(k)}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%w: %w", errUsage, err)
	}
	return c, nil
}

// Validate says what is wrong with c, by the flag's name.
func (c witnessConfig) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("--name is required")
	case c.Data == "":
		return errors.New("--data is required")
	case len(c.Policies) == 0:
		return errors.New("--policy is required")
	}
	return c.logConfig.Validate()
}

// newWitnessKeyCommand prints what members and policies need to know of a
// witness.
func newWitnessKeyCommand() *cobra.Command {
	var data, name, url string
	cmd := &cobra.Command{
		Use: "key", Short: "Print the line of a witness for --witnesses and for policies", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" || name == "" {
				return argError("--data and --name are required")
			}
			if err := checkURL(url); err != nil {
				return argError("--url %s: %v", url, err)
			}
			if err := checkWitness(data, name); err != nil {
				return err
			}
			key, err := witnessKey(data, name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "witness", name, key, url)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the witness (required); the key is made when there is none")
	cmd.Flags().StringVar(&name, "name", "", "name of the witness (required)")
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:5500", "URL under which members reach it")
	return cmd
}

// witnessKey is the key in a witness's folder, both made when there is none.
func witnessKey(data, name string) (proof.SigningKey, error) {
	if err := durable.MkdirAll(data, 0o700); err != nil {
		return proof.SigningKey{}, err
	}
	return signingKey(filepath.Join(data, "witness.key"), "witness", name)
}

// checkWitness finds what is wrong with a witness's folder and name, and writes
// nothing.
func checkWitness(data, name string) error {
	if err := checkFolder(data, "a witness"); err != nil {
		return err
	}
	return checkSigningKey(filepath.Join(data, "witness.key"), "witness", name)
}

func runWitness(ctx context.Context, p *process, cfg witnessConfig) (err error) {
	defer func() { err = explainSystem(err, cfg.Data) }()
	limit, err := openFiles()
	if err != nil {
		return err
	}
	f, err := witnessFiles(limit)
	if err != nil {
		return err
	}
	wc := witness.DefaultConfig()
	wc.Dir, wc.Logger = filepath.Join(cfg.Data, "logs"), p.log
	for _, path := range cfg.Policies {
		policy, err := readPolicy(path)
		if err != nil {
			return err
		}
		wc.Logs = append(wc.Logs, witness.Log{Name: path, Policy: policy})
	}
	if err := checkWitness(cfg.Data, cfg.Name); err != nil {
		return err
	}
	if err := checkListen("listen", cfg.Listen); err != nil {
		return err
	}
	if wc.Key, err = witnessKey(cfg.Data, cfg.Name); err != nil {
		return err
	}
	w, err := witness.New(wc)
	if err != nil {
		return err
	}
	listener, err := webserver.Listen(cfg.Listen)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	server, err := witness.NewServer(w.Handler(), f.clients, p.log)
	if err != nil {
		return errors.Join(err, listener.Close(), w.Close())
	}
	p.up.Store(true)
	p.log.Info("witness is up", "listen", listener.Addr().String(), "key", wc.Key.String(), "version", version)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	stopCtx, cancel := context.WithTimeout(context.Background(), clientsStop)
	defer cancel()
	_ = server.Shutdown(stopCtx) // of clients that are too slow
	return errors.Join(err, w.Close())
}

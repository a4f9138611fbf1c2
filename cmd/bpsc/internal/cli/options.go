// Package cli is what the commands have in common: flags by which servers are
// reached, contexts that stand for them, forms of output, completion, files that are
// read and written, exit codes.
package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/node"
)

// Options are the flags that all client commands share.
type Options struct {
	Servers  []string
	Contract string
	Output   string
	Timeout  time.Duration
	CACert   string // file of the authorities that are trusted over https; "" for the system's
	// What reads of accounts and transactions ask for; "" is the newest.
	Consistency string
	context     string // by name
	tokenFile   string
	insecure    bool
	chosen      *choice        // what the above came to; nil until the command runs
	reached     *client.Client // one for the whole command: it remembers which server answers
}

// EnvPrefix begins the names of the variables that commands read.
const EnvPrefix = "BPSC_"

// DefaultServer is where a member listens that nobody told otherwise.
const DefaultServer = "http://127.0.0.1:5000"

// Flagged is each of the commands with the shared flags.
func (o *Options) Flagged(commands ...*cobra.Command) []*cobra.Command {
	for _, cmd := range commands {
		o.Flags(cmd)
	}
	return commands
}

// Flags adds the shared flags to cmd and all below it. What they leave open comes from
// variables and contexts when the command runs (Choose).
func (o *Options) Flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringSliceVarP(&o.Servers, serverFlag, "s", []string{DefaultServer}, "URL or host:port of a node; may be repeated, tried in order ("+serverVariable+")")
	f.StringVar(&o.context, contextFlag, "", "the servers, token, authorities and policy of that name, as bpsc context add keeps them (BPSC_CONTEXT)")
	f.StringVar(&o.Contract, "contract", "", "token of the contract, also --token (default: the cluster's first)")
	f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "give up after this long")
	o.CACertFlag(cmd)
	f.StringVar(&o.tokenFile, tokenFlag, "", "file with the token that requests carry ("+TokenVariable+")")
	Files(cmd, tokenFlag)
	f.BoolVar(&o.insecure, "insecure-token", false, "send the token over plain HTTP to other machines too, where everybody on the way can read it")
	cmd.SetGlobalNormalizationFunc(tokenIsContract)
	o.OutputFlag(cmd)
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.checkOutput(); err != nil {
			return err
		}
		return o.Choose(cmd)
	}
	o.CompleteFrom(cmd, "contract", Tokens)
	completeContexts(cmd, contextFlag)
}

// CACertFlag adds the flag of commands that ask over https.
func (o *Options) CACertFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&o.CACert, caFlag, "", "file of the authorities that are trusted over https, instead of the system's ("+caVariable+")")
	Files(cmd, caFlag, "crt", "pem")
}

// Trusted is who is believed over https; nil for the system's authorities.
func (o *Options) Trusted() (*tls.Config, error) {
	pool, err := node.Authorities(o.CACert)
	switch {
	case errors.Is(err, node.ErrUsage):
		return nil, ArgError("%w", err)
	case err != nil || pool == nil:
		return nil, err
	}
	return &tls.Config{RootCAs: pool}, nil
}

// Reach is a client of servers, with what the flags say. Of a context it has the token
// and the authorities only where the servers are the context's: nobody else is to see
// the token.
func (o *Options) Reach(flag string, servers ...string) (*client.Client, error) {
	reach := *o
	if !o.ofContext(servers) {
		reach.forget()
	}
	trusted, err := reach.Trusted()
	if err != nil {
		return nil, err
	}
	c, err := client.New(servers...)
	if err != nil {
		return nil, ArgError("--%s: %w", flag, err)
	}
	c.Trust(trusted)
	c.Insecure = o.insecure
	c.Token, err = ReadToken(reach.tokenFile)
	return c, err
}

// ConsistencyFlag adds the flag of commands that read what may change.
func (o *Options) ConsistencyFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Consistency, "consistency", "",
		"linearizable, leader, or local for what the node has (default: the newest state of a member; a follower's own)")
	Complete(cmd, "consistency", "linearizable", "leader", "local")
}

// tokenIsContract lets --token say the same as --contract, the name by which a
// contract goes.
func tokenIsContract(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "token" {
		name = "contract"
	}
	return pflag.NormalizedName(name)
}

// Client is the command's way to the servers.
func (o *Options) Client() (*client.Client, error) {
	if o.reached == nil {
		c, err := o.Reach(serverFlag, o.Servers...)
		if err != nil {
			return nil, err
		}
		c.Consistency = o.Consistency
		o.reached = c
	}
	return o.reached, nil
}

// With runs do with a client and a bounded context.
func (o *Options) With(cmd *cobra.Command, do func(ctx context.Context, c *client.Client) error) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.Timeout)
	defer cancel()
	return do(ctx, c)
}

// Call makes a command's RunE of what is done with a client and its arguments.
func (o *Options) Call(do func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return o.With(cmd, func(ctx context.Context, c *client.Client) error { return do(ctx, cmd, c, args) })
	}
}

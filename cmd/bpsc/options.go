package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/client"
)

// clientOptions are the flags that all client commands share.
type clientOptions struct {
	servers  []string
	contract string
	output   string
	timeout  time.Duration
	// What reads of accounts and transactions ask for; "" is the newest.
	consistency string
	reached     *client.Client // one for the whole command: it remembers which server answers
}

const defaultServer = "http://127.0.0.1:5000"

func addClientCommands(root *cobra.Command) {
	o := &clientOptions{}
	for _, cmd := range []*cobra.Command{
		newSendCommand(o), newSubmitCommand(o), newTxCommand(o), newAcceptCommand(o), newRejectCommand(o),
		newRulesCommand(o), newFreezeCommand(o), newUnfreezeCommand(o), newIssueCommand(o), newFeesCommand(o),
		newMineCommand(o), newChainCommand(o), newBlockCommand(o), newAccountCommand(o), newHoldsCommand(o),
		newClusterCommand(o), newDoctorCommand(o), newDebugCommand(o),
	} {
		o.flags(cmd)
		root.AddCommand(cmd)
	}
	root.AddCommand(newWalletCommand(), newReceiptCommand(o), newEvidenceCommand(o), newBackupCommand(o))
}

// flags adds the shared flags to cmd and all below it.
func (o *clientOptions) flags(cmd *cobra.Command) {
	servers := []string{defaultServer}
	if env := os.Getenv(envPrefix + "SERVER"); env != "" {
		servers = strings.Split(env, ",")
	}
	f := cmd.PersistentFlags()
	f.StringSliceVarP(&o.servers, "server", "s", servers, "URL or host:port of a node; may be repeated, tried in order ("+envPrefix+"SERVER)")
	f.StringVar(&o.contract, "contract", "", "token of the contract, also --token (default: the cluster's first)")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "give up after this long")
	cmd.SetGlobalNormalizationFunc(tokenIsContract)
	o.outputFlag(cmd)
}

// consistencyFlag adds the flag of commands that read what may change.
func (o *clientOptions) consistencyFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.consistency, "consistency", "",
		"linearizable, leader, or local for what the node has (default: the newest state of a member; a follower's own)")
}

// tokenIsContract lets --token say the same as --contract, the name by which a
// contract goes.
func tokenIsContract(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "token" {
		name = "contract"
	}
	return pflag.NormalizedName(name)
}

// client is the command's way to the servers.
func (o *clientOptions) client() (*client.Client, error) {
	if o.reached == nil {
		c, err := client.New(o.servers...)
		if err != nil {
			return nil, argError("--server: %w", err)
		}
		c.Consistency = o.consistency
		o.reached = c
	}
	return o.reached, nil
}

// with runs do with a client and a bounded context.
func (o *clientOptions) with(cmd *cobra.Command, do func(ctx context.Context, c *client.Client) error) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	return do(ctx, c)
}

// call makes a command's RunE of what is done with a client and its arguments.
func (o *clientOptions) call(do func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return o.with(cmd, func(ctx context.Context, c *client.Client) error { return do(ctx, cmd, c, args) })
	}
}

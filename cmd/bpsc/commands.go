package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
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
		newClusterCommand(o),
	} {
		o.flags(cmd)
		root.AddCommand(cmd)
	}
	root.AddCommand(newWalletCommand(), newReceiptCommand(o), newEvidenceCommand(o))
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

// outputFlag adds the choice of form to cmd and all below it.
func (o *clientOptions) outputFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVarP(&o.output, "output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if o.output != "table" && o.output != "json" {
			return fmt.Errorf("%w: --output must be table or json", errUsage)
		}
		return nil
	}
}

// client is the command's way to the servers.
func (o *clientOptions) client() (*client.Client, error) {
	if o.reached == nil {
		c, err := client.New(o.servers...)
		if err != nil {
			return nil, fmt.Errorf("%w: --server: %w", errUsage, err)
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

// print writes v as JSON, or rows as a table.
func (o *clientOptions) print(out io.Writer, v any, header table.Row, rows ...table.Row) error {
	if o.output == "json" {
		return printJSON(out, v)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(header)
	for _, row := range rows {
		t.AppendRow(printableRow(row))
	}
	_, err := fmt.Fprintln(out, t.Render())
	return err
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// argError is a usage error about an argument.
func argError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// exactArgs is cobra.ExactArgs with an error that counts as usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return argError("%s takes %d argument(s): %s", cmd.CommandPath(), n, cmd.UseLine())
		}
		return nil
	}
}

func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return argError("%s takes one argument at most: %s", cmd.CommandPath(), cmd.UseLine())
	}
	return nil
}

func parseIndex(text string) (uint64, error) {
	index, err := strconv.ParseUint(text, 10, 63)
	if err != nil || index == 0 {
		return 0, argError("%q is not the index of a block: they count from 1", text)
	}
	return index, nil
}

// short cuts a hash for a table.
func short(hash string) string {
	if len(hash) <= 16 {
		return hash
	}
	return hash[:16] + "…"
}

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
)

func newAccountCommand(o *cli.Options) *cobra.Command {
	k, past := &keyOptions{}, &pastOptions{}
	cmd := &cobra.Command{
		Use: "account NAME", Short: "Show the balance of a wallet", Args: cli.ExactArgs(1),
		Example: `  bpsc account alice
  bpsc account alice --watch
  bpsc account alice --at-block 7 -o json`,
		Long: "Show the balance of a wallet: in a signed contract an address or a wallet of `bpsc wallet`,\nin an open one a name." + pastHelp,
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
			at, err := past.asOf(cmd)
			if err != nil {
				return err
			}
			info, name, err := accountOf(ctx, o, c, k, args[0])
			if err != nil {
				return err
			}
			if at != (client.AsOf{}) {
				answer, err := c.AccountAt(ctx, info.Contract.Token, name, at)
				if err != nil {
					return err
				}
				return printAccount(o, cmd, answer)
			}
			var answer json.RawMessage
			err = readOwnWrites(ctx, o, cmd, c, &info, func(ctx context.Context) (err error) {
				answer, err = c.Account(ctx, info.Contract.Token, name)
				return err
			})
			if err != nil {
				return err
			}
			return printAccount(o, cmd, answer)
		}),
	}
	k.dirFlag(cmd)
	o.ConsistencyFlag(cmd)
	past.flags(cmd)
	o.Watchable(cmd)
	cli.CompleteArgs(cmd, 1, k.names)
	return cmd
}

// pastOptions are the flags by which a command asks for the past.
type pastOptions struct {
	block uint64
	time  string
}

const pastHelp = `

With --at-block or --at as it was at the end of that block, or of the last block whose
timestamp is not after that time. What was pending then was in no block and does not
count.`

func (p *pastOptions) flags(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&p.block, "at-block", 0, "as of the end of this block")
	cmd.Flags().StringVar(&p.time, "at", "", "as of this time: unix seconds, or like 2026-11-28T17:00:00Z")
}

// asOf reads the flags; the zero value is now.
func (p *pastOptions) asOf(cmd *cobra.Command) (at client.AsOf, err error) {
	block := cmd.Flags().Changed("at-block")
	switch {
	case block && cmd.Flags().Changed("at"):
		return at, cli.ArgError("--at-block and --at: one of them")
	case block && p.block == 0:
		return at, cli.ArgError("--at-block: the first block is 1")
	}
	at.Block = p.block
	if p.time != "" {
		if at.Time, err = chain.ParseTime(p.time); err != nil {
			return at, cli.ArgError("--at: %w", err)
		}
	}
	return at, nil
}

// accountOf is the contract, and what it calls a wallet.
func accountOf(ctx context.Context, o *cli.Options, c *client.Client, k *keyOptions, wallet string) (info client.ContractInfo, name string, err error) {
	if info, err = c.Contract(ctx, o.Contract); err == nil {
		name, err = k.account(&info.Contract, wallet)
	}
	return info, name, err
}

func printAccount(o *cli.Options, cmd *cobra.Command, answer json.RawMessage) error {
	var a struct {
		Address  string      `json:"address"`
		Contract string      `json:"contract"`
		Balance  json.Number `json:"balance"`
		Records  uint64      `json:"records"`
		AsOf     *struct {
			Block     uint64      `json:"block"`
			Timestamp json.Number `json:"timestamp"`
		} `json:"as_of"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return err
	}
	if a.AsOf != nil {
		return o.Print(cmd.OutOrStdout(), answer, table.Row{"wallet", "token", "balance", "records", "at block", "of (unix)"},
			table.Row{a.Address, a.Contract, a.Balance, a.Records, a.AsOf.Block, a.AsOf.Timestamp})
	}
	return o.Print(cmd.OutOrStdout(), answer, table.Row{"wallet", "token", "balance", "records"},
		table.Row{a.Address, a.Contract, a.Balance, a.Records})
}

// maxHoldsPage is the most that a server gives at once.
const maxHoldsPage = 1000

func newHoldsCommand(o *cli.Options) *cobra.Command {
	k, past, role, limit := &keyOptions{}, &pastOptions{}, "", 0
	cmd := &cobra.Command{
		Use: "holds [WALLET]", Short: "List what waits for a wallet's word", Args: cli.AtMostOneArg,
		Example: `  bpsc holds bob
  bpsc holds alice --role sender -o csv`,
		Long: "List the holds that nobody has decided yet, the first to expire first: those that a wallet\n" +
			"may accept or reject, or with --role sender those that it has sent. WALLET is an address or\n" +
			"a wallet of `bpsc wallet`, and may be left out where that has just one." + pastHelp +
			"\nThey come in the order in which they were opened then, the last first.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if role != string(chain.HoldRecipient) && role != string(chain.HoldSender) {
				return cli.ArgError("--role is recipient or sender")
			}
			if limit < 0 {
				return cli.ArgError("--limit: at least 1; 0 is all")
			}
			at, err := past.asOf(cmd)
			if err != nil {
				return err
			}
			wallet, err := k.oneOrOnly(args)
			if err != nil {
				return err
			}
			return o.With(cmd, func(ctx context.Context, c *client.Client) error {
				info, name, err := accountOf(ctx, o, c, k, wallet)
				if err != nil {
					return err
				}
				page, err := allHolds(ctx, c, info.Contract.Token, name, client.HoldQuery{Role: chain.HoldRole(role), AsOf: at}, limit)
				if err != nil {
					return err
				}
				return printHolds(o, cmd, page)
			})
		},
	}
	k.dirFlag(cmd)
	past.flags(cmd)
	cmd.Flags().StringVar(&role, "role", string(chain.HoldRecipient), "what the wallet is to the holds: recipient or sender")
	cli.Complete(cmd, "role", string(chain.HoldRecipient), string(chain.HoldSender))
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to list at most; 0 is all")
	o.Watchable(cmd)
	cli.CompleteArgs(cmd, 1, k.names)
	return cmd
}

// allHolds reads pages until there are limit holds; 0 is all.
func allHolds(ctx context.Context, c *client.Client, token, name string, q client.HoldQuery, limit int) (client.HoldPage, error) {
	all := client.HoldPage{Items: []client.Hold{}}
	for {
		q.Limit, q.After = maxHoldsPage, all.Next
		if limit > 0 {
			q.Limit = min(q.Limit, limit-len(all.Items))
		}
		page, err := c.Holds(ctx, token, name, q)
		if err != nil {
			return all, err
		}
		all.Items, all.Next = append(all.Items, page.Items...), page.Next
		if all.Next == "" || len(all.Items) == limit {
			return all, nil
		}
	}
}

func printHolds(o *cli.Options, cmd *cobra.Command, page client.HoldPage) error {
	var rows []table.Row
	for _, h := range page.Items {
		until := h.Until.Time().UTC().Format("2006-01-02 15:04:05")
		rows = append(rows, table.Row{h.ID, h.Sender, h.Recipient, h.Amount, until})
	}
	err := o.Print(cmd.OutOrStdout(), page, table.Row{"hold", "sender", "recipient", "amount", "until (UTC)"}, rows...)
	if err == nil && page.Next != "" {
		cmd.PrintErrln("there are more: ask with a larger --limit, or --limit 0")
	}
	return err
}

// A follower hears of a transfer with its block. So that `bpsc account` after
// `bpsc send` does not show the balance from before, the newest block that an
// answer to a write named is kept for each chain, as a line "chain-id block". It is
// an aid and no more: a file that cannot be read or written is done without.
const (
	seenBlocksFile = "seen-blocks"
	// maxSeenBlocks bounds the file: some thousand chains.
	maxSeenBlocks = 64 << 10
	// ownWritePatience is how long a read waits for the block of an earlier write:
	// one that is produced on request only may not come for days.
	ownWritePatience = 3 * time.Second
)

// seenBlocksPath is "" where there is no home to keep it in.
func seenBlocksPath() string {
	state, err := userDir("XDG_STATE_HOME", ".local/state")
	if err != nil {
		return ""
	}
	return filepath.Join(state, "bpsc", seenBlocksFile)
}

func readSeenBlocks() map[string]uint64 {
	blocks := map[string]uint64{}
	text, err := cli.ReadBounded(seenBlocksPath(), maxSeenBlocks)
	if err != nil || len(text) > maxSeenBlocks {
		return blocks
	}
	for line := range strings.Lines(string(text)) {
		id, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if block, err := strconv.ParseUint(number, 10, 63); err == nil {
			blocks[id] = max(blocks[id], block)
		}
	}
	return blocks
}

// noteSeenBlock keeps the block that has, or will have, a record of that chain.
func noteSeenBlock(id chain.Hash, block uint64) {
	path, blocks := seenBlocksPath(), readSeenBlocks()
	if path == "" || id.IsZero() || block <= blocks[id.String()] {
		return
	}
	if len(blocks) >= maxSeenBlocks/100 {
		clear(blocks)
	}
	blocks[id.String()] = block
	var text []byte
	for id, block := range blocks {
		text = fmt.Appendln(text, id, block)
	}
	if durable.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = durable.WriteFile(path, text, 0o600)
	}
}

// readOwnWrites runs a read that is to know of what this user's earlier commands
// wrote. Where the node does not get there in time, it shows what it has and says
// so.
func readOwnWrites(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, info *client.ContractInfo,
	read func(ctx context.Context) error) error {
	block := readSeenBlocks()[info.ChainID.String()]
	if block == 0 || o.Consistency != "" {
		return read(ctx)
	}
	c.SawBlock(info.Contract.Token, block)
	patient, cancel := context.WithTimeout(ctx, min(ownWritePatience, o.Timeout/2))
	defer cancel()
	err := read(patient)
	if !errors.Is(err, client.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	c.ForgetBlocks()
	if err = read(ctx); err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "bpsc: this node does not have block %d yet, in which an earlier transaction of yours stands or will stand:\n"+
			"what it shows may be from before it\n", block)
	}
	return err
}

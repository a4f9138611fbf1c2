package main

import (
	"context"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
)

// maxHoldsPage is the most that a server gives at once.
const maxHoldsPage = 1000

func newHoldsCommand(o *clientOptions) *cobra.Command {
	k, role, limit := &keyOptions{}, "", 0
	cmd := &cobra.Command{
		Use: "holds [WALLET]", Short: "List what waits for a wallet's word", Args: atMostOneArg,
		Long: "List the holds that nobody has decided yet, the first to expire first: those that a wallet\n" +
			"may accept or reject, or with --role sender those that it has sent. WALLET is an address or\n" +
			"a wallet of `bpsc wallet`, and may be left out where that has just one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if role != string(chain.HoldRecipient) && role != string(chain.HoldSender) {
				return argError("--role is recipient or sender")
			}
			if limit < 0 {
				return argError("--limit: at least 1; 0 is all")
			}
			wallet, err := k.oneOrOnly(args)
			if err != nil {
				return err
			}
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				info, err := c.Contract(ctx, o.contract)
				if err != nil {
					return err
				}
				name, err := k.account(&info.Contract, wallet)
				if err != nil {
					return err
				}
				page, err := allHolds(ctx, c, info.Contract.Token, name, chain.HoldRole(role), limit)
				if err != nil {
					return err
				}
				return o.printHolds(cmd, page)
			})
		},
	}
	k.dirFlag(cmd)
	cmd.Flags().StringVar(&role, "role", string(chain.HoldRecipient), "what the wallet is to the holds: recipient or sender")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many to list at most; 0 is all")
	return cmd
}

// allHolds reads pages until there are limit holds; 0 is all.
func allHolds(ctx context.Context, c *client.Client, token, name string, role chain.HoldRole, limit int) (client.HoldPage, error) {
	all := client.HoldPage{Items: []client.Hold{}}
	for {
		q := client.HoldQuery{Role: role, Limit: maxHoldsPage, After: all.Next}
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

func (o *clientOptions) printHolds(cmd *cobra.Command, page client.HoldPage) error {
	var rows []table.Row
	for _, h := range page.Items {
		until := time.Unix(h.Until, 0).UTC().Format("2006-01-02 15:04:05")
		rows = append(rows, table.Row{h.ID, h.Sender, h.Recipient, h.Amount, until})
	}
	err := o.print(cmd.OutOrStdout(), page, table.Row{"hold", "sender", "recipient", "amount", "until (UTC)"}, rows...)
	if err == nil && page.Next != "" {
		cmd.PrintErrln("there are more: ask with a larger --limit, or --limit 0")
	}
	return err
}

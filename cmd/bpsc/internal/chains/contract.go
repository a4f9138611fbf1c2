package chains

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newContractCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "contract", Short: "List, check and create contracts",
		Long: "List, check and create contracts. A contract is fixed for ever when its chain begins: check it\n" +
			"first. docs/ledger-rules.md says what each field does.",
	}
	cmd.AddCommand(newContractListCommand(o), newContractShowCommand(o), newContractCheckCommand(o), newContractCreateCommand(o))
	return cmd
}

// contractAnswer is what is shown of a contract and its chain.
type contractAnswer struct {
	Token    string          `json:"token"`
	Contract json.RawMessage `json:"contract"`
	ChainID  string          `json:"chain_id"`
	Length   uint64          `json:"length"`
	Records  uint64          `json:"records"`
	Pending  int             `json:"pending"`
	Totals   struct {
		Issued json.Number `json:"issued"`
		Held   json.Number `json:"held"`
	} `json:"totals"`
}

func newContractListCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the contracts and where their chains stand", Args: cli.ExactArgs(0),
		Example: "  bpsc contract list",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			answer, err := c.Get(ctx, "/v1/contracts")
			if err != nil {
				return err
			}
			var list struct{ Items []contractAnswer }
			if err := json.Unmarshal(answer, &list); err != nil {
				return err
			}
			var rows []table.Row
			for _, a := range list.Items {
				contract, err := chain.DecodeContract(a.Contract)
				if err != nil {
					return err
				}
				rows = append(rows, table.Row{a.Token, contract.Wallets, inWords(&contract.Schedule, contract.OnRequest), a.Length, a.Records, a.Pending,
					a.Totals.Issued, cli.Digest(a.ChainID)})
			}
			return o.Print(cmd.OutOrStdout(), answer,
				table.Row{"token", "wallets", "a block", "blocks", "records", "pending", cli.Extra("issued"), cli.Extra("chain")}, rows...)
		}),
	}
}

// inWords is when a contract's blocks are produced.
func inWords(s *chain.Schedule, onRequest bool) string {
	var when []string
	if s.Every > 0 {
		when = append(when, "every "+s.Every.String())
	}
	if s.Transactions > 0 {
		when = append(when, fmt.Sprintf("of %d records", s.Transactions))
	}
	if onRequest {
		when = append(when, "on request")
	}
	return strings.Join(when, ", ")
}

func newContractShowCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show [TOKEN]", Short: "Show a contract, the cluster's first when none is named", Args: cli.AtMostOneArg,
		Example: "  bpsc contract show\n  bpsc contract show aka -o json",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
			token := o.Contract
			if len(args) > 0 {
				token = args[0]
			}
			info, err := c.Contract(ctx, token)
			if err != nil {
				return err
			}
			return printContract(o, cmd, &info.Contract)
		}),
	}
	cli.CompleteArgs(cmd, 1, o.Asked(cli.Tokens))
	return cmd
}

// printContract shows every field of a contract, those that it did not name too.
func printContract(o *cli.Options, cmd *cobra.Command, c *chain.Contract) error {
	text, err := c.MarshalJSON()
	if err != nil {
		return err
	}
	keys, fields, err := cli.Fields(text)
	if err != nil {
		return err
	}
	var rows []table.Row
	for _, key := range keys {
		rows = append(rows, table.Row{key, cli.Plain(fields[key])})
	}
	return o.Print(cmd.OutOrStdout(), json.RawMessage(text), table.Row{"field", "value"}, rows...)
}

// readContract reads and checks a contract's file.
func readContract(path string) (text []byte, c chain.Contract, err error) {
	if text, err = cli.ReadInput(path); err != nil {
		return nil, c, err
	}
	if c, err = chain.DecodeNewContract(text); err != nil {
		err = cli.ArgError("%s: %w", path, err)
	}
	return text, c, err
}

func newContractCheckCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a contract and show all that it says, without a network", Args: cli.ExactArgs(1),
		Long: "Check a contract by the rules by which a cluster takes one, and show all of its fields, with\n" +
			"what counts for those that FILE leaves out. - is standard input. Nothing is sent.",
		Example: "  bpsc contract check points.json\n  echo '{\"token\": \"points\", \"wallets\": \"open\"}' | bpsc contract check -",
		RunE: func(cmd *cobra.Command, args []string) error {
			_, contract, err := readContract(args[0])
			if err != nil {
				return err
			}
			return printContract(o, cmd, &contract)
		},
	}
}

func newContractCreateCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create FILE", Short: "Begin the chain of another contract, as an operator", Args: cli.ExactArgs(1),
		Long: "Begin the chain of another contract, in which nothing can be changed from then on. It is checked\n" +
			"as bpsc contract check does before it is sent. - is standard input.",
		Example: "  bpsc contract create points.json\n  bpsc contract create points.json --operator-secret-file root.token",
	}
	o.OperatorCall(cmd, func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
		text, contract, err := readContract(args[0])
		if err != nil {
			return err
		}
		answer, err := c.CreateContract(ctx, text)
		if err != nil {
			return err
		}
		var made contractAnswer
		if err := json.Unmarshal(answer, &made); err != nil {
			return err
		}
		return o.Print(cmd.OutOrStdout(), answer, table.Row{"token", "wallets", "a block", "chain"},
			table.Row{contract.Token, contract.Wallets, inWords(&contract.Schedule, contract.OnRequest), made.ChainID})
	})
	return cmd
}

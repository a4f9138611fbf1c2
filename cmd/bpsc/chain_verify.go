package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain/proof"
)

// verifier is one run of bpsc chain verify.
type verifier struct {
	*clientOptions
	file, data, policyFile string

	policy *proof.Policy // nil: signatures are not judged
}

func newVerifyCommand(o *clientOptions) *cobra.Command {
	v := &verifier{clientOptions: o}
	cmd := &cobra.Command{
		Use: "verify", Short: "Check all of a chain: a server's, an export's, or a stopped node's", Args: exactArgs(0),
		Long: "Check all of a chain: canonical form, hashes, Merkle roots, signatures, fees, schedule, ids,\n" +
			"every decision made again, balances and totals; then the log of the blocks' headers against\n" +
			"the newest checkpoint. Exits with 5 at the first thing that is wrong, and names it.\n\n" +
			"Without more it downloads from --server, a member or a follower; --file reads an export\n" +
			"(- is standard input), --data the folder of a stopped node, whose accounts and log of\n" +
			"headers it compares as well, and which it does not change. A copy of the folder of a node that\n" +
			"runs verifies as of some moment, or is named as such a copy, with exit code 1. With --policy a checkpoint is demanded, signed as that file\n" +
			"says; without, signatures of members are not judged. --timeout is how long a download may\n" +
			"pause.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case v.file != "" && v.data != "", (v.file != "" || v.data != "") && cmd.Flags().Changed("server"):
				return argError("one of --server, --file and --data, please")
			}
			if v.policyFile != "" {
				var err error
				if v.policy, err = readPolicy(v.policyFile); err != nil {
					return err
				}
			}
			switch {
			case v.file != "":
				return v.verifyFile(cmd)
			case v.data != "":
				return v.verifyData(cmd)
			}
			return v.verifyServer(cmd)
		},
	}
	cmd.Flags().StringVar(&v.file, "file", "", "an export (bpsc chain export)")
	cmd.Flags().StringVar(&v.data, "data", "", "data folder of a member or a follower that does not run")
	cmd.Flags().StringVar(&v.policyFile, "policy", "", "file that says whose signatures count")
	return cmd
}

// claimOf reads the checkpoint that there is to hold blocks against.
func (v *verifier) claimOf(note []byte) (*claim, error) {
	switch {
	case note != nil:
		return newClaim(note, v.policy)
	case v.policy != nil:
		return nil, doesNotVerify(fmt.Errorf("%w: there is no checkpoint", proof.ErrMinority))
	}
	return nil, nil
}

// verifyServer downloads a chain.
func (v *verifier) verifyServer(cmd *cobra.Command) error {
	c, err := v.client()
	if err != nil {
		return err
	}
	ctx, s, cancel := whileMoving(cmd.Context(), v.timeout)
	defer cancel()
	info, note, err := newestCheckpoint(ctx, c, v.contract, v.timeout/2)
	if err != nil {
		return s.explain(err)
	}
	claim, err := v.claimOf(note)
	if err != nil {
		return err
	}
	a := newAudit(claim)
	progress := newProgress(info.Contract.Token, info.Length, "verified")
	err = c.Blocks(ctx, info.Contract.Token, 1, 0, func(canonical []byte) error {
		s.moved()
		b, err := a.next(canonical)
		if err == nil {
			progress.at(b.Index)
		}
		return err
	})
	progress.end()
	if err != nil {
		return s.explain(err)
	}
	return v.report(cmd.OutOrStdout(), a)
}

// verifyFile reads an export.
func (v *verifier) verifyFile(cmd *cobra.Command) error {
	f := os.Stdin
	if v.file != "-" {
		var err error
		if f, err = os.Open(v.file); err != nil {
			return err
		}
		defer f.Close()
	}
	a := newAudit(nil) // its checkpoint comes last
	progress := newProgress(v.file, 0, "verified")
	defer progress.end()
	note, err := readExport(f, func(canonical []byte) error {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		b, err := a.next(canonical)
		if err == nil {
			progress.at(b.Index)
		}
		return err
	})
	if err != nil {
		return err
	}
	claim, err := v.claimOf(note)
	if err != nil {
		return err
	}
	if err := a.mustBe(claim); err != nil {
		return err
	}
	if v.contract != "" && v.contract != a.Verifier.Contract.Token {
		return doesNotVerify(fmt.Errorf("%w: the file holds the chain of %s, not of %s", proof.ErrOrigin, a.Verifier.Contract.Token, v.contract))
	}
	return v.report(cmd.OutOrStdout(), a)
}

// mustBe holds all blocks against a checkpoint that has to be of exactly these.
func (a *audit) mustBe(c *claim) error {
	if a.last == nil {
		return doesNotVerify(fmt.Errorf("%w: there is no block", proof.ErrEmpty))
	}
	if c.Size < a.last.Index {
		return badExport("it has %d blocks, and a checkpoint of %d", a.last.Index, c.Size)
	}
	a.claim = c
	return a.compare(a.last)
}

// report prints what was verified.
func (v *verifier) report(out io.Writer, audits ...*audit) error {
	var results []*verified
	for _, a := range audits {
		r, err := a.end()
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if v.output == "json" {
		if v.data != "" {
			return printJSON(out, results)
		}
		return printJSON(out, results[0])
	}
	for _, r := range results {
		if _, err := io.WriteString(out, r.sentences()); err != nil {
			return err
		}
	}
	return nil
}

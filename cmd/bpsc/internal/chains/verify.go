package chains

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/datafolder"
)

// verifier is one run of bpsc chain verify.
type verifier struct {
	*cli.Options
	file, data string
	policy     cli.PolicyFlags

	policies *proof.History // nil: signatures are not judged
}

func newVerifyCommand(o *cli.Options) *cobra.Command {
	v := &verifier{Options: o}
	cmd := &cobra.Command{
		Use: "verify", Short: "Check all of a chain: a server's, an export's, or a stopped node's", Args: cli.ExactArgs(0),
		Example: `  bpsc chain verify
  bpsc chain verify --file aka.ndjson.zst --policy policy.txt`,
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
			if v.file != "" && v.data != "" || (v.file != "" || v.data != "") && cmd.Flags().Changed("server") {
				return cli.ArgError("one of --server, --file and --data, please")
			}
			servers := v.Servers
			if v.file != "" || v.data != "" {
				servers = nil
			}
			if err := v.policy.OrChosen(v.Options, cmd, servers...); err != nil {
				return err
			}
			if v.policy.File != "" {
				var err error
				if v.policies, err = v.policy.Read(); err != nil {
					return err
				}
			}
			if v.data != "" {
				return v.verifyData(cmd)
			}
			return v.verifyOne(cmd)
		},
	}
	cmd.Flags().StringVar(&v.file, "file", "", "an export (bpsc chain export)")
	cmd.Flags().StringVar(&v.data, "data", "", "data folder of a member or a follower that does not run")
	v.policy.AddChosen(cmd)
	return cmd
}

// verify shows how far it is, by the name of the source where the token is not
// what the user knows it by.
func (v *verifier) verify(cmd *cobra.Command, source audit.Source, name string) (audit.Report, error) {
	progress := cli.NewProgress(name, "verified")
	defer progress.End()
	return audit.Verify(cmd.Context(), source, audit.Options{Policies: v.policies, Progress: progress.At})
}

// verifyOne reads an export, or downloads a chain.
func (v *verifier) verifyOne(cmd *cobra.Command) error {
	var source audit.Source
	if v.file != "" {
		f, err := cli.OpenInput(v.file)
		if err != nil {
			return cli.ArgError("--file: %w", err)
		}
		defer f.Close()
		source = &audit.File{Reader: f, Token: v.Contract}
	} else {
		c, err := v.Client()
		if err != nil {
			return err
		}
		c.Pause = v.Timeout
		source = &audit.Server{Client: c, Token: v.Contract}
	}
	report, err := v.verify(cmd, source, v.file)
	if err != nil {
		return err
	}
	return v.print(cmd.OutOrStdout(), report)
}

// verifyData checks what a stopped node has on disk: each chain, and what is
// stored beside it.
func (v *verifier) verifyData(cmd *cobra.Command) (err error) {
	folder, err := audit.OpenFolder(v.data, func(found error) {
		fmt.Fprintln(os.Stderr, "bpsc:", found)
		os.Exit(cli.ExitCode(found))
	})
	if errors.Is(err, datafolder.ErrInUse) {
		err = fmt.Errorf("%w: stop the node first, or verify it by --server", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	chains, err := folder.Chains(v.Contract)
	if err != nil {
		return err
	}
	var reports []audit.Report
	for _, c := range chains {
		report, err := v.verify(cmd, c, "")
		switch {
		case errors.Is(err, audit.ErrCopied):
			return err
		case err != nil:
			return fmt.Errorf("%s: %w", c.Token(), err)
		}
		reports = append(reports, report)
	}
	if folder.Copied() {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; what follows is true of this copy, which may end before the node's chain does\n", v.data, audit.ErrCopied)
	}
	return v.print(cmd.OutOrStdout(), reports...)
}

// print says what was verified; of a folder as a list.
func (v *verifier) print(out io.Writer, reports ...audit.Report) error {
	results, text := make([]Verified, len(reports)), ""
	for i, r := range reports {
		results[i] = NewVerified(&r)
		text += results[i].Sentences()
	}
	if v.data == "" {
		return v.Say(out, results[0], text)
	}
	return v.Say(out, results, text)
}

// Verified is what a chain came to when all of it verified.
type Verified struct {
	Contract   string       `json:"contract"`
	Blocks     uint64       `json:"blocks"`
	Records    uint64       `json:"records"`
	Tip        chain.Hash   `json:"tip"`
	Checkpoint *heldAgainst `json:"checkpoint,omitempty"`
	Recoveries []recovery   `json:"recoveries,omitempty"` // the first of them
	Recovered  int          `json:"recovered,omitempty"`  // how many there are
}

// recovery is where a cluster went on that had lost its majority.
type recovery struct {
	Block  uint64 `json:"block"`
	By     string `json:"by"`
	Reason string `json:"reason"`
	Before string `json:"members_before"`
	After  string `json:"members_after"`
}

// heldAgainst is the checkpoint whose root the blocks have.
type heldAgainst struct {
	signedBy
	Judged bool `json:"signatures_judged"`
}

func NewVerified(r *audit.Report) Verified {
	v := Verified{Contract: r.Token, Blocks: r.Blocks, Records: r.Records, Tip: r.Tip}
	if c := r.Checkpoint; c != nil {
		v.Checkpoint = &heldAgainst{signedBy{c.Size, c.Root, c.Members, c.Of, c.Witnesses}, c.Judged}
	}
	v.Recovered = r.Recovered
	for _, a := range r.Recoveries {
		v.Recoveries = append(v.Recoveries, recovery(a))
	}
	return v
}

// Sentences say the same to people.
func (v *Verified) Sentences() string {
	text := fmt.Sprintf("%s: %d blocks with %d records verify; the newest has hash %s\n", v.Contract, v.Blocks, v.Records, v.Tip)
	for _, r := range v.Recoveries {
		text += fmt.Sprintf("%s: block %d: the cluster had lost its majority; %q went on with %s of %s: %q\n", v.Contract, r.Block, cli.PrintableLine(r.By), r.After, r.Before, cli.PrintableLine(r.Reason))
	}
	if more := v.Recovered - len(v.Recoveries); more > 0 {
		text += fmt.Sprintf("%s: and so in %d more places\n", v.Contract, more)
	}
	switch c := v.Checkpoint; {
	case c == nil:
		return text + v.Contract + ": there is no checkpoint to hold them against\n"
	case !c.Judged:
		return text + fmt.Sprintf("%s: the checkpoint of %d blocks has their root; who signed it was not judged, for want of --policy\n", v.Contract, c.Size)
	default:
		return text + fmt.Sprintf("%s: the checkpoint of %d blocks has their root, and is signed by %s\n", v.Contract, c.Size, c.by())
	}
}

// by lists who signed.
func (s *signedBy) by() string {
	text := fmt.Sprintf("%s of %d", cli.JoinNames(s.Members), s.Of)
	if len(s.Witnesses) > 0 {
		text += ", witnessed by " + cli.JoinNames(s.Witnesses)
	}
	return text
}

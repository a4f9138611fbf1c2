package chains

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/follower/chainsync"
)

func newEvidenceCommand(o *cli.Options) *cobra.Command {
	var policy cli.PolicyFlags
	verify := &cobra.Command{
		Use: "verify FILE --policy POLICY", Short: "Check whether a file convicts somebody", Args: cli.ExactArgs(1),
		Example: `  bpsc evidence verify evidence.json --policy policy.txt`,
		Long: "Check whether a file convicts somebody of signing two histories of one chain, and say whom.\n" +
			"Exits with 0 when it does, else with 5. Of what a follower keeps in its evidence folder, no\n" +
			"signature says who served it, so it convicts nobody; what can be told from it is printed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := cli.ReadBounded(args[0], maxEvidenceFile)
			if err != nil {
				return cli.ArgError("%w", err)
			}
			var kept chainsync.Evidence
			if json.Unmarshal(data, &kept) == nil && kept.Reason != "" {
				return keptEvidence(o, cmd.OutOrStdout(), &kept)
			}
			if err := policy.OrChosen(o, cmd); err != nil {
				return err
			}
			p, err := policy.Read()
			if err != nil {
				return err
			}
			return equivocation(o, cmd.OutOrStdout(), data, p)
		},
	}
	policy.AddChosen(verify)
	o.OutputFlag(verify)
	cmd := &cobra.Command{Use: "evidence", Short: "Files about somebody who was dishonest"}
	cmd.AddCommand(verify)
	return cmd
}

// maxEvidenceFile bounds a follower's file: two blocks as they were served and
// ours, or notes, where each byte may be written as six, and the rest.
const maxEvidenceFile = 6*3*chain.MaxBlockBytes + 1<<16

// conviction is what evidence proves, as JSON.
type conviction struct {
	Verified bool     `json:"verified"`
	Signed   []string `json:"signed_both"`
	Origin   string   `json:"origin"`
	A        oneSide  `json:"a"`
	B        oneSide  `json:"b"`
}

type oneSide struct {
	Size uint64     `json:"size"`
	Root chain.Hash `json:"root"`
}

// equivocation judges evidence of two signed histories.
func equivocation(o *cli.Options, out io.Writer, data []byte, p *proof.History) error {
	e, err := proof.ParseEvidence(data)
	var c *proof.Contradiction
	if err == nil {
		c, err = e.Verify(p)
	}
	if err != nil {
		return o.Refuse(out, err)
	}
	return o.Say(out, conviction{true, c.Signed, c.A.Origin, oneSide{c.A.Size, c.A.Root}, oneSide{c.B.Size, c.B.Root}},
		fmt.Sprintf("%s signed two histories of %s: one with root %s at %d blocks, and one with root %s at %d\n",
			strings.Join(c.Signed, ", "), c.A.Origin, c.A.Root, c.A.Size, c.B.Root, c.B.Size))
}

var errUnsigned = errors.New("evidence_unsigned: the file convicts nobody, since no signature says who served this")

// kept is what can be told from a follower's file, as JSON.
type kept struct {
	Verified bool             `json:"verified"`
	Code     string           `json:"code"`
	Upstream string           `json:"upstream"`
	Contract string           `json:"contract"`
	Block    uint64           `json:"block"`
	Reason   chainsync.Reason `json:"reason"`
	Detail   string           `json:"detail"`
	Told     string           `json:"told"`
}

// keptEvidence says what can be told from a follower's file alone.
func keptEvidence(o *cli.Options, out io.Writer, e *chainsync.Evidence) error {
	v := kept{false, "evidence_unsigned", e.Upstream, e.Token, e.Index, e.Reason, e.Detail, tell(e)}
	text := fmt.Sprintf("%s: %s is said to have served this for block %d of %s: %s (%s)\n%s\n",
		e.Time.UTC().Format("2006-01-02 15:04:05"), cli.PrintableLine(e.Upstream), e.Index, cli.PrintableLine(e.Token), cli.PrintableLine(e.Detail), cli.PrintableLine(string(e.Reason)), v.Told)
	return errors.Join(o.Say(out, v, text), audit.Invalid(errUnsigned))
}

// tell says what the bytes in a follower's file come to.
func tell(e *chainsync.Evidence) string {
	served := []byte(e.Served)
	if len(served) == 0 {
		served = e.ServedBytes
	}
	hash := chain.HashBytes(served)
	switch {
	case hex.EncodeToString(hash[:]) != e.SHA256:
		return "The bytes in it are not those it names the hash of: the file has been changed."
	case e.Ours != "" && e.Ours == string(served):
		return "The bytes in it are the block that the follower has itself: they show nothing wrong."
	case e.Ours != "":
		return fmt.Sprintf("The bytes in it have the hash %s; the follower's own block has %s.", hash, chain.HashBytes([]byte(e.Ours)))
	case e.Reason == chainsync.CheckpointContradicts:
		return "It is a note that members signed, of a log that the follower's is not. Where one of them signed another\n" +
			"history before, the proof is a file of the same name that ends in " + proof.EvidenceSuffix + "."
	case e.Index == 1:
		if _, err := chain.CheckBlock(served, nil, chain.Hash{}); err != nil {
			return fmt.Sprintf("The bytes in it are no genesis block: %s.", cli.PrintableLine(err.Error()))
		}
		return "The bytes in it are a genesis block that is good by itself."
	}
	return fmt.Sprintf("The bytes in it have the hash %s; to check them as a block takes the chain before them.", hash)
}

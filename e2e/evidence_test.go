package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

const (
	exitFailure = 1
	exitFatal   = 70 // a member that cannot trust its state
)

// oneEach is a contract whose every transfer is a block.
const oneEach = `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`

// pay has a transfer decided that completes its block.
func pay(t *testing.T, url, body string) (ack harness.Ack) {
	t.Helper()
	must(t, http.StatusCreated, http.MethodPost, url+"/v1/transactions", body).json(t, &ack)
	return ack
}

// judge is somebody outside who trusts a policy file and nobody else. What he
// is shown he has checked by bpsc and by e2e/receipt, which shares no code with
// it.
type judge struct{ policy string }

// newJudge takes the policy from a cluster while all is well, as an operator
// hands it out: for the default contract's chain, or with --any-chain for all.
func newJudge(t *testing.T, c *harness.Cluster, args ...string) judge {
	t.Helper()
	m := c.Members[0]
	err := harness.Until(t.Context(), patience, m.ID+" knows all keys and a chain", func(context.Context) error {
		if a := call(t, http.MethodGet, m.URL+"/v1/policy", ""); !strings.Contains(string(a.body), "log ") {
			return errors.New(a.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	j := judge{filepath.Join(t.TempDir(), "policy")}
	text := bpsc(t, exitOK, append([]string{"cluster", "keys", "--server", m.URL}, args...)...)
	if err := os.WriteFile(j.policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return j
}

// accepts has receipts checked that are good, and returns the sentence that
// bpsc says of each.
func (j judge) accepts(t *testing.T, receipts ...[]byte) (sentences []string) {
	t.Helper()
	files := j.files(t, receipts)
	for i, file := range files {
		sentence := bpsc(t, exitOK, "receipt", "verify", file, "--policy", j.policy)
		if strings.Count(sentence, "\n") != 1 || !strings.Contains(sentence, ", signed by ") {
			t.Errorf("bpsc says of a receipt: %q\n%s", sentence, receipts[i])
		}
		sentences = append(sentences, sentence)
	}
	for i, verdict := range j.verdicts(t, files) {
		if !strings.HasPrefix(verdict, "ok: ") {
			t.Errorf("%s\n%s", verdict, receipts[i])
		}
	}
	return sentences
}

// refuses has receipts checked that are not what the members signed.
func (j judge) refuses(t *testing.T, receipts ...[]byte) {
	t.Helper()
	files := j.files(t, receipts)
	for _, file := range files {
		if out := bpsc(t, exitInvalid, "receipt", "verify", file, "--policy", j.policy); out != "" {
			t.Errorf("bpsc refuses a receipt and says %q", out)
		}
	}
	j.refusesToo(t, receipts...)
}

// refusesToo is what e2e/receipt says; it takes many at a time.
func (j judge) refusesToo(t *testing.T, receipts ...[]byte) {
	t.Helper()
	for i, verdict := range j.verdicts(t, j.files(t, receipts)) {
		if !strings.HasPrefix(verdict, "refused: ") {
			t.Errorf("%s\n%s", verdict, receipts[i])
		}
	}
}

func (j judge) files(t *testing.T, receipts [][]byte) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for i, receipt := range receipts {
		file := filepath.Join(dir, fmt.Sprintf("%d.tlog-proof", i))
		if err := os.WriteFile(file, receipt, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// verdicts is a line of e2e/receipt for each file.
func (j judge) verdicts(t *testing.T, files []string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), receiptVerifier, append([]string{j.policy}, files...)...).Output()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	refused := strings.Contains("\n"+string(out), "\nrefused: ")
	if len(lines) != len(files) || refused != (err != nil) {
		t.Fatalf("e2e/receipt says of %d files: %s (%v)", len(files), out, err)
	}
	return lines
}

// acceptsChain has the whole chain of a node checked, up to its checkpoint.
func (j judge) acceptsChain(t *testing.T, url, contract string) {
	t.Helper()
	out := bpsc(t, exitOK, "chain", "verify", "--server", url, "--contract", token(contract), "--policy", j.policy)
	if !strings.Contains(out, "signed by ") {
		t.Errorf("bpsc says of the chain of %s: %s", url, out)
	}
}

func (j judge) refusesChain(t *testing.T, url, contract string) {
	t.Helper()
	// Its checkpoint may never cover its newest block: there is no point in waiting for that.
	bpsc(t, exitInvalid, "chain", "verify", "--server", url, "--contract", token(contract), "--policy", j.policy, "--timeout", "1s")
}

// receipt fetches that of a record, from a node that may have to wait for the
// block and for the checkpoint.
func receipt(t *testing.T, url, contract string, of harness.Ack) []byte {
	t.Helper()
	return must(t, http.StatusOK, http.MethodGet, fmt.Sprintf("%s/v1/transactions/%s/receipt?wait=10s&min_block=%d&contract=%s",
		url, of.ID, of.Block, token(contract)), "").body
}

// checkpoint is what a signed note says. Who reads it has not verified it.
type checkpoint struct {
	origin  string
	size    int
	root    string
	signers []string // names of their keys, the log's own left out
}

func readCheckpoint(note string) (c checkpoint, err error) {
	body, signatures, found := strings.Cut(note, "\n\n")
	lines := strings.Split(body, "\n")
	if !found || len(lines) != 3 {
		return c, fmt.Errorf("not a checkpoint: %q", note)
	}
	c.origin, c.root = lines[0], lines[2]
	for line := range strings.Lines(signatures) {
		if name := strings.Fields(line)[1]; name != c.origin { // what the log says itself is one member's word
			c.signers = append(c.signers, name)
		}
	}
	c.size, err = strconv.Atoi(lines[1])
	return c, err
}

// getCheckpoint asks a node for a checkpoint that covers so many blocks, one at
// least.
func getCheckpoint(ctx context.Context, client *http.Client, url, contract string, size int) (note string, c checkpoint, err error) {
	text, err := getText(ctx, client, fmt.Sprintf("%s/v1/contracts/%s/checkpoint?size=%d", url, token(contract), size))
	if err == nil {
		c, err = readCheckpoint(text)
	}
	if err == nil && c.size < size {
		err = fmt.Errorf("%s was asked for %d blocks and gave %d", url, size, c.size)
	}
	return text, c, err
}

// awaitCheckpoint waits until a node has a checkpoint that covers so many blocks.
func awaitCheckpoint(t *testing.T, url, contract string, size int) (c checkpoint) {
	t.Helper()
	err := harness.Until(t.Context(), patience, fmt.Sprintf("%s has a checkpoint of %d blocks", url, size), func(ctx context.Context) (err error) {
		_, c, err = getCheckpoint(ctx, client, url, contract, size)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func getText(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	a, err := do(client, req)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, a)
	}
	return string(a.body), err
}

// awaitUnready waits until a node says of itself that it is not ready, and why.
func awaitUnready(t *testing.T, n *harness.Process, why ...string) {
	t.Helper()
	err := harness.Until(t.Context(), patience, n.ID+" says what is wrong", func(ctx context.Context) error {
		_, err := getText(ctx, client, n.URL+"/readyz")
		if err == nil {
			return errors.New("it is ready")
		}
		for _, part := range why {
			if !strings.Contains(err.Error(), part) {
				return fmt.Errorf("%w, without %q", err, part)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// bystander is a member that does not lead.
func bystander(t *testing.T, c *harness.Cluster) *harness.Member {
	t.Helper()
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return others(c, leader)[0]
}

// others are all members but one.
func others(c *harness.Cluster, one *harness.Member) []*harness.Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m *harness.Member) bool { return m == one })
}

// replaceBy ends a member and starts it as another binary; its state is made
// again from its log when it is taken away.
func replaceBy(t *testing.T, m *harness.Member, binary string, takeAway ...string) {
	t.Helper()
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, name := range takeAway {
		if err := os.RemoveAll(filepath.Join(m.Data, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.Use(binary)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
}

// mustEnd waits for a process to end with a code; what it said on the way has to
// hold each of these texts.
func mustEnd(t *testing.T, p *harness.Process, code int, says ...string) {
	t.Helper()
	got, err := p.AwaitExit(t.Context(), patience)
	if err != nil {
		t.Fatalf("%v; it says:\n%s", err, p.LogTail(20))
	}
	said := p.LogTail(40)
	if got != code {
		t.Errorf("%s ended with %d, not %d; it says:\n%s", p.ID, got, code, said)
	}
	for _, text := range says {
		if !strings.Contains(said, text) {
			t.Errorf("%s does not say %q:\n%s", p.ID, text, said)
		}
	}
}

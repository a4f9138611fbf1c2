package lab

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// signer is the key of a member or a witness for checkpoints, in the hands of who is dishonest.
type signer struct {
	name    string // of the key
	id      []byte
	private ed25519.PrivateKey
}

// steal reads the file of a key: PRIVATE+KEY+name+id+base64 of an algorithm and a seed.
func steal(file string) (s signer, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	parts := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)
	if len(parts) != 5 {
		return s, fmt.Errorf("%s is no key", file)
	}
	id, err1 := hex.DecodeString(parts[3])
	seed, err2 := base64.StdEncoding.DecodeString(parts[4])
	if err := errors.Join(err1, err2); err != nil || len(seed) != 1+ed25519.SeedSize {
		return s, fmt.Errorf("%s is no key: %w", file, err)
	}
	return signer{parts[2], id, ed25519.NewKeyFromSeed(seed[1:])}, nil
}

// cosign is a signature's line after c2sp.org/tlog-cosignature.
func (s signer) cosign(body string, at time.Time) string {
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at.Unix(), body)
	line := binary.BigEndian.AppendUint64(slices.Clone(s.id), uint64(at.Unix()))
	line = append(line, ed25519.Sign(s.private, []byte(message))...)
	return fmt.Sprintf("— %s %s\n", s.name, base64.StdEncoding.EncodeToString(line))
}

// owner is who the key is of.
func (s signer) owner() string { return path.Base(s.name) }

// stolen are the keys of members.
func (w *World) stolen(from []int) (keys []signer, err error) {
	for _, i := range from {
		key, e := steal(filepath.Join(w.Cluster.Members[i].Data, "member.key"))
		keys, err = append(keys, key), errors.Join(err, e)
	}
	return keys, err
}

// forged is a checkpoint of as many blocks as another one, with another root.
func forged(note string, by []signer) (string, error) {
	lines := strings.SplitN(note, "\n", 4)
	if len(lines) < 4 {
		return "", fmt.Errorf("no checkpoint: %q", note)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) == 0 {
		return "", fmt.Errorf("no root: %q", note)
	}
	root[0] ^= 1
	body := fmt.Sprintf("%s\n%s\n%s\n", lines[0], lines[1], base64.StdEncoding.EncodeToString(root))
	signed := body + "\n"
	for _, s := range by {
		signed += s.cosign(body, time.Now())
	}
	return signed, nil
}

// sizeOf is how many blocks a checkpoint covers.
func sizeOf(note string) int {
	n, _ := strconv.Atoi(strings.SplitN(note, "\n", 3)[1]) // it has been read as a checkpoint before
	return n
}

// signedBy tells whether a note has a line by a key.
func signedBy(note string, s signer) bool { return strings.Contains(note, "\n— "+s.name+" ") }

// contradicting bounds how long somebody tries to have a second root cosigned.
const contradicting = 8 * time.Second

// strikeRoots has dishonest members sign a second root of as many blocks as a witness has just
// cosigned, and show it to the witness: one of them alone, and a majority.
func (w *World) strikeRoots(dishonest []int) (struck, error) {
	keys, err := w.stolen(dishonest)
	if err != nil {
		return struck{}, err
	}
	return aside(w.names(dishonest), func(ctx context.Context) {
		for _, alone := range []bool{true, false} {
			err := harness.Until(context.WithoutCancel(ctx), contradicting, "a second root", func(ctx context.Context) error { return w.contradict(ctx, keys, alone) })
			if err != nil {
				w.Tell("skipped", 0, "two-roots: %s", short(err.Error()))
			}
		}
	})
}

// strikeCheckpoint has a follower's first upstream show it checkpoints with other roots, by keys
// of a majority and of the witness that forgets.
func (w *World) strikeCheckpoint(dishonest []int) (struck, error) {
	keys, err := w.stolen(dishonest)
	witness, e := steal(filepath.Join(w.witnesses[1].Data, "witness.key"))
	if err = errors.Join(err, e); err != nil {
		return struck{}, err
	}
	keys = append(keys, witness)
	return w.strikeLiar(&keys)
}

// contradict shows a witness a second root, by one who has signed the first or by all. An error
// says that it has not come to a comparison.
func (w *World) contradict(ctx context.Context, by []signer, alone bool) error {
	one := w.witnesses[0]
	origin := w.Load.Origins[load.Open]
	note, err := w.text(ctx, load.Cosigned(one.URL, origin))
	if err != nil {
		return err
	}
	if first := slices.IndexFunc(by, func(s signer) bool { return signedBy(note, s) }); first < 0 {
		return errors.New("none of them has signed the first")
	} else if alone {
		by = by[first : first+1]
	}
	second, err := forged(note, by)
	if err != nil {
		return err
	}
	var names, both []string
	for _, s := range by {
		names = append(names, s.owner())
		if signedBy(note, s) {
			both = append(both, s.owner())
		}
	}
	want := http.StatusUnprocessableEntity
	if alone {
		want = http.StatusForbidden // it is no majority
	}
	size := sizeOf(note)
	status, err := w.post(ctx, one.URL+"/add-checkpoint", fmt.Sprintf("old %d\n\n%s", size, second))
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.forgeries = append(w.forgeries, rules.Forgery{Witness: one.ID, Size: size, Signed: names, Status: status})
	w.mu.Unlock()
	if status != want && status != http.StatusOK {
		return fmt.Errorf("%s answers %d", one.ID, status) // it has gone on meanwhile
	}
	name := fmt.Sprintf("roots-%d-%d", size, len(by))
	own := filepath.Join(w.Dir, name+".evidence.json")
	if err := os.WriteFile(own, evidence(note, second), 0o600); err != nil {
		return err
	}
	w.try(ctx, "whoever has seen both", own, both)
	if alone {
		return nil
	}
	// The witness has kept it as well, beside which there is room for nine more.
	kept, err := filepath.Glob(filepath.Join(one.Data, "logs", "evidence", "*", fmt.Sprintf("%d-*.evidence.json", size)))
	if err != nil || len(kept) != 1 {
		w.judged(rules.Trial{Evidence: one.ID, Guilty: both, Failed: errors.Join(err, fmt.Errorf("it has kept %q", kept))})
		return nil
	}
	w.try(ctx, one.ID, kept[0], both)
	return os.Rename(kept[0], filepath.Join(w.Dir, name+"-"+one.ID+".evidence.json"))
}

// try has a judge look at evidence, who has the policies and nothing else.
func (w *World) try(ctx context.Context, whose, file string, guilty []string) {
	t := rules.Trial{Evidence: whose, Guilty: guilty}
	var verdict struct {
		Signed []string `json:"signed_both"`
	}
	out, err := w.answer(ctx, "evidence", "verify", file, "--policy", w.witnesses[0].Policy, "-o", "json")
	if err == nil {
		err = json.Unmarshal(out, &verdict)
	}
	t.Named, t.Failed = verdict.Signed, err
	w.Tell("evidence", 0, "of %s convicts %s", whose, strings.Join(t.Named, ", "))
	w.judged(t)
}

func (w *World) judged(t rules.Trial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trials = append(w.trials, t)
}

// evidence is a file of two checkpoints of one size.
func evidence(one, other string) []byte {
	return fmt.Appendf(nil, `{"a": %s, "b": %s, "format": "bpsc/evidence/v1", "path": [], "root": "%064d"}`+"\n", strconv.QuoteToASCII(one), strconv.QuoteToASCII(other), 0)
}

// post sends a text and returns the answer's status.
func (w *World) post(ctx context.Context, url, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// text is what somebody answers.
func (w *World) text(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, resp.StatusCode, body)
	}
	return string(body), err
}

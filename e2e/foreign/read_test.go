package foreign

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Others read what a cluster serves, and refuse what was made up.
func TestOthersRead(t *testing.T) {
	w := startWitness(t)
	members := startCluster(t, w.line)
	p := policyOf(t, members[0])
	w.add(t, p.origin, p.keys)
	var receipts [][]byte
	for _, m := range members {
		receipts = append(receipts, m.pay(t))
	}
	t.Run("receipts", func(t *testing.T) {
		for _, r := range receipts {
			p.accepts(t, r)
		}
	})
	t.Run("the log of each member", func(t *testing.T) {
		for _, prefix := range p.prefixes {
			p.readsLog(t, prefix, len(receipts)+1)
		}
	})
	t.Run("forged receipts", func(t *testing.T) { forge(t, p, members[0], receipts[2]) })
}

// readsLog reads all of a log by its tiles, up to a checkpoint of so many blocks at least.
func (p *policy) readsLog(t *testing.T, prefix string, size int) {
	t.Helper()
	fetcher, err := torchwood.NewTileFetcher(prefix)
	check(t, err)
	var c torchwood.Checkpoint
	until(t, prefix+" has a checkpoint that its own key has signed", func(ctx context.Context) error {
		signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
		if err != nil {
			return err
		}
		if c, err = p.checkpoint(t, signed); err == nil && c.N < int64(size) {
			err = fmt.Errorf("it is of %d blocks", c.N)
		}
		return err
	})
	client, err := torchwood.NewClient(fetcher)
	check(t, err)
	var entries [][]byte
	for i, entry := range client.AllEntries(t.Context(), c.Tree, 0) {
		if int(i) != len(entries) || !bytes.Contains(entry, fmt.Appendf(nil, `"index": %d,`, i+1)) {
			t.Errorf("entry %d is %s", i, entry)
		}
		entries = append(entries, entry)
	}
	check(t, client.Err())
	if len(entries) != int(c.N) {
		t.Errorf("%d entries of %d", len(entries), c.N)
	}
	entry, path, err := client.Entry(t.Context(), c.Tree, 1)
	check(t, err)
	check(t, tlog.CheckRecord(path, c.N, c.Hash, 1, tlog.RecordHash(entry)))

	altered, err := torchwood.NewClient(&alteredTiles{fetcher})
	check(t, err)
	for range altered.AllEntries(t.Context(), c.Tree, 0) {
	}
	if altered.Err() == nil {
		t.Error("altered tiles are taken")
	}
}

// alteredTiles are tiles with one bit changed.
type alteredTiles struct{ torchwood.TileReader }

func (a *alteredTiles) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	data, err := a.TileReader.ReadTiles(ctx, tiles)
	for _, d := range data {
		if len(d) > 0 {
			d[len(d)-1] ^= 1
		}
	}
	return data, err
}

// forge makes receipts that nobody may take, with all that the machine of one member has.
func forge(t *testing.T, p *policy, m *member, good []byte) {
	proof, signed, _ := strings.Cut(string(good), "\n\n")
	body, signatures, _ := strings.Cut(signed, "\n\n")
	lines := strings.SplitAfter(signatures, "\n")
	lines = lines[:len(lines)-1]
	with := func(body string, lines ...string) []byte {
		return []byte(proof + "\n\n" + body + "\n\n" + strings.Join(lines, ""))
	}
	p.accepts(t, with(body, lines...))
	var logs, others []string
	for _, line := range lines {
		if strings.HasPrefix(line, "— "+p.origin+" ") {
			logs = append(logs, line)
		} else {
			others = append(others, line)
		}
	}
	if len(logs) != 1 {
		t.Fatalf("the log has signed %d times:\n%s", len(logs), good)
	}
	p.refuses(t, "no log has signed", with(body, others...))
	p.refuses(t, "nobody but a log has signed", with(body, logs...))
	for i, line := range others {
		if strings.HasPrefix(line, "— example.com/public ") {
			p.refuses(t, "the witness has not signed", with(body, append(append(logs, others[:i]...), others[i+1:]...)...))
		}
	}
	fields := strings.Split(body, "\n")
	p.refuses(t, "another size", with(strings.Join([]string{fields[0], fields[1] + "0", fields[2]}, "\n"), lines...))
	p.refuses(t, "another origin", with(strings.Join([]string{strings.Replace(fields[0], "aka", "akb", 1), fields[1], fields[2]}, "\n"), lines...))
	p.refuses(t, "another block's header", bytes.Replace(good, []byte("index "), []byte("index 1"), 1))

	// Whoever has one member's key signs as the member and as the log, and is one of three.
	asMember, asLog := stolen(t, m, p.origin)
	forged := strings.Join([]string{fields[0], fields[1], base64.StdEncoding.EncodeToString(make([]byte, 32))}, "\n")
	note1, err := note.Sign(&note.Note{Text: forged + "\n"}, asLog, asMember)
	check(t, err)
	if _, err := note.Open(note1, note.VerifierList(p.logs...)); err != nil {
		t.Errorf("the stolen key is not that of the policy: %v", err)
	}
	if _, err := p.checkpoint(t, note1); err == nil {
		t.Errorf("one member's word is taken:\n%s", note1)
	}
	_, made, _ := strings.Cut(string(note1), "\n\n")
	p.refuses(t, "one member's word", with(forged, made))
	p.refuses(t, "one member's word, and the others' for something else", with(forged, made, strings.Join(others, "")))

	// A witness that trusts log keys alone believes it. A policy does not, whatever such a
	// witness says.
	astray := startWitness(t)
	astray.add(t, p.origin, p.keys)
	cosigned, err := post(t.Context(), astray.url+"/add-checkpoint", "old 0\n\n"+string(note1))
	check(t, err)
	p.refuses(t, "one member's word, and a witness's that believes it", with(forged, made, string(cosigned)))
}

// stolen are the signers that the key in a member's folder makes, as others would.
func stolen(t *testing.T, m *member, origin string) (asMember, asLog note.Signer) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.data, "member.key"))
	check(t, err)
	parts := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)
	secret, err := base64.StdEncoding.DecodeString(parts[4])
	check(t, err)
	private := ed25519.NewKeyFromSeed(secret[1:])
	member, err := torchwood.NewCosignatureSigner(parts[2], private)
	check(t, err)
	vkey, err := note.NewEd25519VerifierKey(origin, private.Public().(ed25519.PublicKey))
	check(t, err)
	log, err := note.NewSigner("PRIVATE+KEY+" + strings.SplitAfterN(vkey, "+", 3)[0] + strings.SplitAfterN(vkey, "+", 3)[1] +
		base64.StdEncoding.EncodeToString(append([]byte{1}, secret[1:]...)))
	check(t, err)
	return member, log
}

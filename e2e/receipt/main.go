// Command receipt verifies receipts with nothing but the standard library and
// golang.org/x/mod, from the descriptions of the formats. It shares no code
// with the product on purpose: a rule that both got wrong in the same way
// would pass unseen.
//
//	go run ./e2e/receipt POLICY RECEIPT...
//
// POLICY is a policy or a history of policies; ACCEPT_RECOVERY in the environment
// is the hashes of the recoveries in it to go on after.
//
// It prints a line for each receipt: "ok" and what was proven, or "refused" and
// why. The exit code is 1 when one was refused.
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: receipt POLICY RECEIPT...")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	p, err := parseHistory(string(text), strings.Fields(os.Getenv("ACCEPT_RECOVERY")))
	if err != nil {
		log.Fatal(err)
	}
	code := 0
	for _, name := range os.Args[2:] {
		file, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		if proven, err := verify(p, string(file)); err != nil {
			fmt.Printf("refused: %q\n", err)
			code = 1
		} else {
			fmt.Println("ok:", proven)
		}
	}
	os.Exit(code)
}

// proof is the part of a tlog-proof above its checkpoint.
type proof struct {
	index int64
	path  []tlog.Hash
	extra struct {
		Leaf, Record json.RawMessage
		Position     int64
		RecordPath   []string `json:"record_path"`
	}
}

// verify says what a receipt proves.
func verify(p *history, file string) (string, error) {
	top, signed, found := strings.Cut(file, "\n\n")
	if !found || len(file) > 64<<10 {
		return "", errors.New("not a tlog-proof")
	}
	r, err := parse(top)
	if err != nil {
		return "", err
	}
	origin, tree, signers, err := p.open(signed)
	if err != nil {
		return "", err
	}
	var h struct { // what matters here of a leaf
		Index, Transactions int64
		Root                string `json:"transactions_root"`
	}
	if err := json.Unmarshal(r.extra.Leaf, &h); err != nil || h.Index != r.index+1 {
		return "", fmt.Errorf("the header is not leaf %d", r.index)
	}
	if err := tlog.CheckRecord(r.path, tree.N, tree.Hash, r.index, tlog.RecordHash(r.extra.Leaf)); err != nil {
		return "", fmt.Errorf("leaf: %w", err)
	}
	inBlock, err := hashes(hex.DecodeString, append(r.extra.RecordPath, h.Root))
	if err != nil {
		return "", err
	}
	root, inBlock := inBlock[len(inBlock)-1], inBlock[:len(inBlock)-1]
	if err := tlog.CheckRecord(inBlock, h.Transactions, root, r.extra.Position, tlog.RecordHash(r.extra.Record)); err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	return fmt.Sprintf("%s block %d record %d %s signed by %s", origin, h.Index, r.extra.Position, r.extra.Record, strings.Join(signers, " ")), nil
}

// parse reads the lines of a tlog-proof: header, extra data, index, path.
func parse(top string) (r proof, err error) {
	lines := strings.Split(top, "\n")
	if len(lines) < 3 {
		return r, errors.New("not a receipt")
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err == nil {
		err = json.Unmarshal(data, &r.extra)
	}
	if err != nil {
		return r, err
	}
	if r.index, err = strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64); err != nil {
		return r, err
	}
	if r.path, err = hashes(base64.StdEncoding.DecodeString, lines[3:]); err != nil {
		return r, err
	}
	// All of it has one spelling, so that no byte can change unnoticed.
	inBlock := strings.ToLower(strings.Join(r.extra.RecordPath, `", "`))
	if inBlock != "" {
		inBlock = `"` + inBlock + `"`
	}
	again := fmt.Sprintf(`{"format": "bpsc/receipt/v1", "leaf": %s, "position": %d, "record": %s, "record_path": [%s]}`,
		r.extra.Leaf, r.extra.Position, r.extra.Record, inBlock)
	again = fmt.Sprintf("c2sp.org/tlog-proof@v1\nextra %s\nindex %d", base64.StdEncoding.EncodeToString([]byte(again)), r.index)
	for _, h := range r.path {
		again += "\n" + h.String()
	}
	if again != top {
		return r, errors.New("a receipt has another spelling")
	}
	return r, nil
}

// open verifies a signed checkpoint.
func (p *policy) open(signed string) (origin string, tree tlog.Tree, signers []string, err error) {
	origin, _, _ = strings.Cut(signed, "\n")
	n, err := note.Open([]byte(signed), note.VerifierList(slices.Concat(p.witnesses, p.logKeys(origin))...))
	if err != nil {
		return "", tree, nil, err
	}
	_, rest, _ := strings.Cut(n.Text, "\n")
	size, root, _ := strings.Cut(rest, "\n")
	tree.N, _ = strconv.ParseInt(size, 10, 64) // 0 is no size of ours
	tree.Hash, _ = tlog.ParseHash(strings.TrimSuffix(root, "\n"))
	// tlog does not end on sizes near the largest integer.
	if tree.N < 1 || tree.N > 1<<40 || n.Text != fmt.Sprintf("%s\n%d\n%s\n", origin, tree.N, tree.Hash) {
		return "", tree, nil, errors.New("not a checkpoint")
	}
	// note.Open takes base64 in more spellings than one.
	for line := range strings.Lines(signed[len(n.Text)+1:]) {
		text := line[strings.LastIndexByte(line, ' ')+1 : len(line)-1]
		if raw, _ := base64.StdEncoding.DecodeString(text); base64.StdEncoding.EncodeToString(raw) != text {
			return "", tree, nil, errors.New("a signature has another spelling")
		}
	}
	if len(p.origins) > 0 && !slices.Contains(p.origins, origin) {
		return "", tree, nil, errors.New("another chain")
	}
	signers, enough := p.signedBy(n)
	if !enough {
		return "", tree, nil, errors.New("too few signed")
	}
	return origin, tree, signers, nil
}

// signedBy tells who of the policy signed a note, and whether they are enough.
func (p *policy) signedBy(n *note.Note) (signers []string, enough bool) {
	return p.quorum(func(vkey string) bool {
		return slices.ContainsFunc(n.Sigs, func(s note.Signature) bool {
			return strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", s.Name, s.Hash))
		})
	})
}

func hashes(decode func(string) ([]byte, error), texts []string) (list []tlog.Hash, err error) {
	for _, text := range texts {
		raw, err := decode(text)
		if err != nil || len(raw) != tlog.HashSize {
			return nil, fmt.Errorf("%.80q is no hash", text)
		}
		list = append(list, tlog.Hash(raw))
	}
	return list, nil
}

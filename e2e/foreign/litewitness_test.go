package foreign

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// public is torchwood's litewitness, which knows logs by their keys and nothing else.
type public struct {
	url      string
	line     string // as members' files of witnesses have it
	database string
}

// startWitness starts a litewitness whose key is in an agent of ours, as it asks for.
func startWitness(t *testing.T) public {
	t.Helper()
	const name = "example.com/public"
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	check(t, err)
	keyring := agent.NewKeyring()
	check(t, keyring.Add(agent.AddedKey{PrivateKey: private}))
	dir := t.TempDir()
	socket := filepath.Join(dir, "agent")
	listener, err := net.Listen("unix", socket)
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, conn) }()
		}
	}()

	cosigner, err := torchwood.NewCosignatureSigner(name, private)
	check(t, err)
	address := freeAddresses(t, 1)[0]
	w := public{url: "http://" + address, database: filepath.Join(dir, "db")}
	w.line = "witness public " + cosigner.Verifier().String() + " " + w.url + "\n"
	start(t, "litewitness", litewitness, "-name", name, "-key", ssh.FingerprintSHA256(signer.PublicKey()), "-ssh-agent", socket,
		"-db", w.database, "-listen", address)
	until(t, "litewitness answers", func(ctx context.Context) error {
		_, err := get(ctx, w.url+"/")
		return err
	})
	return w
}

// add makes the witness know a log by its keys, as `witnessctl add-log` and `add-key` do.
func (w public) add(t *testing.T, origin string, keys []string) {
	t.Helper()
	empty, err := tlog.TreeHash(0, nil)
	check(t, err)
	w.query(t, "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", nil, origin, base64.StdEncoding.EncodeToString(empty[:]))
	for _, key := range keys {
		w.query(t, "INSERT INTO key (origin, key) VALUES (?, ?)", nil, origin, key)
	}
}

// seen is how much of a log it has cosigned.
func (w public) seen(t *testing.T, origin string) (size int64) {
	t.Helper()
	w.query(t, "SELECT tree_size FROM log WHERE origin = ?", func(row *sqlite.Stmt) error {
		size = row.ColumnInt64(0)
		return nil
	}, origin)
	return size
}

func (w public) query(t *testing.T, text string, row func(*sqlite.Stmt) error, args ...any) {
	t.Helper()
	db, err := sqlite.OpenConn(w.database, sqlite.OpenReadWrite)
	check(t, err)
	err = sqlitex.Execute(db, text, &sqlitex.ExecOptions{Args: args, ResultFunc: row})
	check(t, errors.Join(err, db.Close()))
}

// A public witness cosigns what the members sign, and goes on with the next leader when
// one dies.
func TestAPublicWitnessCosigns(t *testing.T) {
	w := startWitness(t)
	members := startCluster(t, w.line)
	p := policyOf(t, members[0])
	w.add(t, p.origin, p.keys)
	first := members[0].pay(t)
	p.accepts(t, first)
	if !strings.Contains(string(first), "\n— example.com/public ") {
		t.Errorf("no cosignature of litewitness:\n%s", first)
	}
	before := w.seen(t, p.origin)

	old := leader(t, members)
	old.process.kill()
	var rest []*member
	for _, m := range members {
		if m != old {
			rest = append(rest, m)
		}
	}
	second := rest[0].pay(t)
	p.accepts(t, second)
	if now := w.seen(t, p.origin); now <= before {
		t.Errorf("it had %d blocks when the leader died, and has %d", before, now)
	}
	if next := leader(t, rest); next == old {
		t.Errorf("%s leads, and is dead", next.id)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bpsc is three members of this project, loaded by its own bench command.
type bpsc struct {
	label  string
	server string // binary of the members
	tool   string // binary whose bench makes the load
	args   []string
	ports  *freePorts
	admin  bool // each member has an address for who runs it, as profiles need

	processes []*process
	urls      []string
	admins    []string
	keyFile   string // the private key of the signed contract's issuer
	rates     counted
	commands  *commands
}

func (b *bpsc) name() string        { return b.label }
func (b *bpsc) members() []*process { return b.processes }
func (b *bpsc) can(load) bool       { return true }

// The contracts of the two kinds of load. The first is there from the start.
const (
	openToken   = "aka"
	signedToken = "signed"
)

func (b *bpsc) start(ctx context.Context, dir string) error {
	addresses, err := b.ports.takeSome(9)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	contract := filepath.Join(dir, "contract.json")
	if err := os.WriteFile(contract, []byte(`{"token":"`+openToken+`","wallets":"open"}`), 0o644); err != nil {
		return err
	}
	var cluster []string
	for i, raft := range addresses[3:6] {
		cluster = append(cluster, fmt.Sprintf("n%d=%s", i+1, raft))
	}
	b.processes, b.urls, b.admins = nil, nil, addresses[6:]
	for i, api := range addresses[:3] {
		id := fmt.Sprintf("n%d", i+1)
		p := &process{name: "bpsc " + id, log: logOf(dir, id), args: append([]string{
			b.server, "server", "--id", id, "--data", filepath.Join(dir, id), "--listen", api,
			"--raft", addresses[3+i], "--cluster", strings.Join(cluster, ","), "--contract", contract,
		}, b.args...)}
		if b.admin {
			p.args = append(p.args, "--admin", b.admins[i])
		}
		b.processes, b.urls = append(b.processes, p), append(b.urls, "http://"+api)
		if err := p.start(); err != nil {
			return err
		}
	}
	b.commands.note(b.label+", each of three members", b.processes[0].args)
	for i := range b.urls {
		if err := b.ready(ctx, i); err != nil {
			return err
		}
	}
	return b.createSigned(ctx, dir)
}

func (b *bpsc) ready(ctx context.Context, member int) error {
	return until(ctx, startLimit, b.processes[member].name+" is ready", func(ctx context.Context) error {
		return answered(ctx, b.urls[member]+"/readyz")
	})
}

// createSigned makes a contract with signed wallets beside the open one, with an issuer whose
// key is new.
func (b *bpsc) createSigned(ctx context.Context, dir string) error {
	passphrase := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("bench\n"), 0o600); err != nil {
		return err
	}
	wallet := []string{"--wallets", filepath.Join(dir, "wallets"), "--passphrase-file", passphrase}
	made, _, err := run(ctx, append([]string{b.tool, "wallet", "new", "issuer", "--work-factor", "1", "-o", "json"}, wallet...)...)
	if err != nil {
		return err
	}
	var issuer struct{ Address string }
	if err := json.Unmarshal([]byte(made), &issuer); err != nil {
		return fmt.Errorf("bpsc wallet new: %w", err)
	}
	key, _, err := run(ctx, append([]string{b.tool, "wallet", "export", "issuer", "--private-key"}, wallet...)...)
	if err != nil {
		return err
	}
	b.keyFile = filepath.Join(dir, "issuer.key")
	if err := os.WriteFile(b.keyFile, []byte(key), 0o600); err != nil {
		return err
	}
	contract := fmt.Sprintf(`{"token":"%s","wallets":"signed","issuer":"%s","supply":900000000}`, signedToken, issuer.Address)
	if _, err := ask(ctx, http.MethodPost, b.urls[0]+"/v1/contracts", contract); err != nil {
		return err
	}
	return until(ctx, startLimit, "the signed contract is there", func(ctx context.Context) error {
		return answered(ctx, b.urls[0]+"/v1/contracts/"+signedToken)
	})
}

func (b *bpsc) leader(ctx context.Context) (leader int, err error) {
	return leader, until(ctx, voteLimit, "a member of bpsc leads", func(ctx context.Context) error {
		for i, url := range b.urls {
			var status struct{ ID, Leader string }
			if err := getJSON(ctx, url+"/v1/cluster", &status); err == nil && status.ID != "" && status.Leader == status.ID {
				leader = i
				return nil
			}
		}
		return errors.New("none says so")
	})
}

// applied is how many entries of the log a member has applied.
func (b *bpsc) applied(ctx context.Context, member int) (int, error) {
	var status struct {
		ID      string
		Members []struct {
			ID      string
			Applied int
		}
	}
	if err := getJSON(ctx, b.urls[member]+"/v1/cluster", &status); err != nil {
		return 0, err
	}
	for _, m := range status.Members {
		if m.ID == status.ID {
			return m.Applied, nil
		}
	}
	return 0, fmt.Errorf("%s does not say how far it is", b.processes[member].name)
}

func (b *bpsc) write(ctx context.Context, member int) error {
	_, err := ask(ctx, http.MethodPost, b.urls[member]+"/v1/transactions", `{"sender":"a","recipient":"b","amount":1}`)
	return err
}

func (b *bpsc) run(ctx context.Context, l load, warmup, row time.Duration) (measured, error) {
	leader, err := b.leader(ctx)
	if err != nil {
		return measured{}, err
	}
	args := []string{
		b.tool, "bench", "--server", b.urls[leader], "--connections", strconv.Itoa(l.Connections),
		"--warmup", warmup.String(), "--duration", row.String(), "-o", "json",
	}
	switch {
	case l.Signed:
		args = append(args, "--contract", signedToken, "--key-file", b.keyFile)
	case l.Batch == 1:
		args = append(args, "--payload", strconv.Itoa(payload))
	}
	if l.Batch > 1 {
		args = append(args, "--batch", strconv.Itoa(l.Batch))
	}
	if l.Batch > 1 && l.Signed {
		args = append(args, "--presign", strconv.Itoa(b.presigned(l, warmup+row)))
	}
	b.commands.note(b.label+", "+l.String(), args)
	output, _, err := run(ctx, args...)
	if err != nil {
		return measured{}, err
	}
	m, err := parseBPSC(output)
	if err != nil {
		return m, fmt.Errorf("bpsc bench: %w: %s", err, lastLines(output))
	}
	b.rates[l] = m.Rate
	return m, nil
}

// presigned is how many transfers are signed before a row begins, a fifth more than the last
// row took of them.
func (b *bpsc) presigned(l load, d time.Duration) int {
	rate, known := b.rates[l]
	if !known {
		rate = 30_000 // more than two cores verify for three members
	}
	return int(1.2*rate*d.Seconds())/l.Batch*l.Batch + l.Batch*l.Connections
}

// logStores are the values that a member takes for --log-store: none where it does not have
// that flag, and then there is one store.
func logStores(ctx context.Context, binary string) ([]string, error) {
	help, _, err := run(ctx, binary, "server", "--help")
	if err != nil {
		return nil, err
	}
	if !strings.Contains(help, "--log-store") {
		return nil, nil
	}
	return []string{"bolt", "wal"}, nil
}

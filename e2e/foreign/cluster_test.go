package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long anything here may take.
const patience = 30 * time.Second

const openContract = `{"token":"aka","decimals":6,"wallets":"open","schedule":{"transactions":1}}`

// member is a process of bpsc.
type member struct {
	id, data, url string
	process       *process
}

// startCluster starts three members that want the cosignature of one witness.
func startCluster(t *testing.T, witness string) (members []*member) {
	t.Helper()
	dir := t.TempDir()
	contract, witnesses := filepath.Join(dir, "contract.json"), filepath.Join(dir, "witnesses")
	check(t, os.WriteFile(contract, []byte(openContract), 0o600))
	check(t, os.WriteFile(witnesses, []byte(witness), 0o600))
	var peers []string
	free := freeAddresses(t, 6)
	for i := range 3 {
		m := &member{id: fmt.Sprint("n", i+1), url: "http://" + free[2*i]}
		m.data = filepath.Join(dir, m.id)
		peers, members = append(peers, m.id+"="+free[2*i+1]), append(members, m)
	}
	for _, m := range members {
		m.process = start(t, m.id, bpsc, "server", "--id", m.id, "--cluster", strings.Join(peers, ","), "--data", m.data,
			"--listen", strings.TrimPrefix(m.url, "http://"), "--contract", contract, "--witnesses", witnesses, "--witness-quorum", "1")
	}
	for _, m := range members {
		until(t, m.id+" is ready", func(ctx context.Context) error {
			_, err := get(ctx, m.url+"/readyz")
			return err
		})
	}
	return members
}

// process is a program that runs until the test ends.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

func start(t *testing.T, name, program string, args ...string) *process {
	t.Helper()
	var log bytes.Buffer
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	p.cmd.Stdout, p.cmd.Stderr = &log, &log
	check(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text := log.Bytes()
			t.Logf("log of %s:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// kill ends a process and waits until it has.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// pay has a transfer put into a block, and returns its receipt, which waits for a checkpoint.
func (m *member) pay(t *testing.T) []byte {
	t.Helper()
	var ack struct{ ID string }
	until(t, "a transfer is taken", func(ctx context.Context) error {
		body, err := post(ctx, m.url+"/v1/transactions", `{"sender":"alice","recipient":"bob","amount":12.5}`)
		if err == nil {
			err = json.Unmarshal(body, &ack)
		}
		return err
	})
	return m.receipt(t, ack.ID)
}

func (m *member) receipt(t *testing.T, id string) (receipt []byte) {
	t.Helper()
	until(t, "the receipt is there", func(ctx context.Context) (err error) {
		receipt, err = get(ctx, m.url+"/v1/transactions/"+id+"/receipt?wait=2s")
		return err
	})
	return receipt
}

// leader is the member that says that it leads, of those that answer.
func leader(t *testing.T, members []*member) (found *member) {
	t.Helper()
	until(t, "a member leads", func(ctx context.Context) error {
		for _, m := range members {
			var says struct{ Leader string }
			if body, err := get(ctx, m.url+"/v1/cluster"); err == nil && json.Unmarshal(body, &says) == nil && says.Leader == m.id {
				found = m
				return nil
			}
		}
		return errors.New("nobody says so")
	})
	return found
}

func get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(r)
}

func post(ctx context.Context, url, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return do(r)
}

func do(r *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %s", r.Method, r.URL, resp.StatusCode, body)
	}
	return body, err
}

// until tries again until it works.
func until(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
	}
}

// freeAddresses are loopback ports, no two the same, on which nothing listens, below those that the
// kernel gives to outgoing connections (32768 and up on Linux): one of these could take it before
// its member does.
func freeAddresses(t *testing.T, n int) (free []string) {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 16_000+rand.IntN(16_000)))
		if err != nil {
			continue
		}
		defer func() { check(t, l.Close()) }() // once all are drawn: one that is closed may be drawn again
		if free = append(free, l.Addr().String()); len(free) == n {
			return free
		}
	}
	t.Fatal("no free ports")
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

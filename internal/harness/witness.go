package harness

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Witness is a process outside the cluster that cosigns checkpoints.
type Witness struct {
	Process
	Line   string // as files of witnesses have it: name, key, URL
	Policy string // file that says whose checkpoints it cosigns; to be written before Start
	http   *http.Client
}

// NewWitness is NewWitnessAt on loopback.
func NewWitness(ctx context.Context, binary, dir, name string) (*Witness, error) {
	return NewWitnessAt(ctx, binary, dir, name, "127.0.0.1")
}

// NewWitnessAt lays out a witness on a free port of an address of this machine and makes its
// key; nothing is started. name is that in policies.
func NewWitnessAt(ctx context.Context, binary, dir, name, host string) (*Witness, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	listen := fmt.Sprintf("%s:%d", host, port)
	w := &Witness{Process: newProcess(dir, binary, name, listen), Policy: filepath.Join(dir, name+".policy"), http: newHTTPClient()}
	w.args = []string{"witness", "--name", name, "--listen", listen, "--data", w.Data, "--policy", w.Policy}
	cmd := exec.CommandContext(ctx, binary, "witness", "key", "--data", w.Data, "--name", name, "--url", w.URL)
	cmd.Env = Environ()
	line, err := cmd.Output()
	w.Line = string(line)
	return w, err
}

// AwaitLive waits until the witness answers.
func (w *Witness) AwaitLive(ctx context.Context, limit time.Duration) error {
	return w.await(ctx, w.http, "/livez", limit)
}

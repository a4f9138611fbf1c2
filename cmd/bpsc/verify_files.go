package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// readBounded reads a whole file, or standard input for "-". One byte more than
// the limit is read, so that whoever parses it can say that it is too large.
func readBounded(path string, limit int) ([]byte, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// readPolicy reads the policy file that a verdict is by. One that is no policy
// is a mistake of whoever asks, and says nothing about what is verified.
func readPolicy(path string) (*proof.Policy, error) {
	if path == "" {
		return nil, argError("--policy is needed: the file that says whose signatures count, from somebody you trust")
	}
	text, err := readBounded(path, proof.MaxPolicyBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: --policy: %w", errUsage, err)
	}
	p, err := proof.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("%w: --policy %s: %w", errUsage, path, err)
	}
	return p, nil
}

// refusal is what a command that verifies prints in JSON when the answer is no.
type refusal struct {
	Verified bool   `json:"verified"`
	Code     string `json:"code"`
	Detail   string `json:"detail"`
}

// refuse prints why something does not verify, where JSON is asked for, and
// returns the error for everybody else.
func (o *clientOptions) refuse(out io.Writer, err error) error {
	if o.output != "json" {
		return audit.Invalid(err)
	}
	v := refusal{Code: string(chain.ErrInvalid), Detail: err.Error()}
	var code chain.Code
	if errors.As(err, &code) {
		v.Code = string(code)
	}
	return errors.Join(printJSON(out, v), audit.Invalid(err))
}

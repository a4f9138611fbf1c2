package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/internal/secretfile"
	"github.com/bpsc/bpsc/node"
)

// TokenVariable names a file with a token, for all commands that ask a node.
const TokenVariable = EnvPrefix + "TOKEN_FILE"

// ReadToken reads a token, or an operator's secret, from a file; "" where path is.
func ReadToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := secretfile.Read(path, maxSecret)
	if err != nil {
		return "", ArgError("--token-file: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) < node.MinSecret || bytes.ContainsAny(text, "\t\r\n") {
		return "", ArgError("--token-file %s: that is no token", path)
	}
	return string(text), nil
}

// Operator has a client ask as the operator whose secret is in a file or its variable, and
// as it was where there is none. The variable is not for a context that is named: it may be
// another cluster's.
func (o *Options) Operator(c *client.Client, secretFile string) error {
	variable := os.Getenv(SecretVariable)
	if o.chosen != nil && o.chosen.named {
		variable = ""
	}
	secret, err := chooseSecret(secretFile, variable)
	if err != nil {
		return ArgError("%w", err)
	}
	c.Token = cmp.Or(secret, c.Token)
	return nil
}

// OperatorCall is Call for what only an operator may do.
func (o *Options) OperatorCall(cmd *cobra.Command, do func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error) {
	var secretFile string
	cmd.Flags().StringVar(&secretFile, "operator-secret-file", "", "file with the operator's secret, in place of a token ("+SecretVariable+" has the secret itself)")
	Files(cmd, "operator-secret-file")
	cmd.RunE = o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
		if err := o.Operator(c, secretFile); err != nil {
			return err
		}
		return do(ctx, cmd, c, args)
	})
}

// SecretVariable holds the operator's secret itself. It has no flag, which
// everybody on the machine could read.
const SecretVariable = EnvPrefix + "OPERATOR_SECRET"

// maxSecret bounds the file of a secret: a header of HTTP has room for less.
const maxSecret = 4 << 10

// ReadSecret reads the operator's secret from the file at path, if there is one, or
// else from its variable; "" is none.
func ReadSecret(path string) (string, error) { return chooseSecret(path, os.Getenv(SecretVariable)) }

func chooseSecret(path, variable string) (string, error) {
	secret, from := variable, SecretVariable
	if path != "" {
		text, err := secretfile.Read(path, maxSecret)
		switch {
		case err != nil:
			return "", fmt.Errorf("--operator-secret-file: %w", err)
		case secret != "":
			return "", fmt.Errorf("--operator-secret-file and %s: give one of them", SecretVariable)
		}
		secret, from = string(text), "--operator-secret-file"
	} else if secret == "" {
		return "", nil
	}
	if secret = strings.TrimSpace(secret); len(secret) < node.MinSecret {
		return "", fmt.Errorf("the secret of %s has %d bytes, at least %d are needed", from, len(secret), node.MinSecret)
	}
	return secret, nil
}

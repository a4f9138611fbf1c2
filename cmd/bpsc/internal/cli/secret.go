package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/bpsc/bpsc/internal/secretfile"
	"github.com/bpsc/bpsc/node"
)

// SecretVariable holds the operator's secret itself. It has no flag, which
// everybody on the machine could read.
const SecretVariable = EnvPrefix + "OPERATOR_SECRET"

// maxSecret bounds the file of a secret: a header of HTTP has room for less.
const maxSecret = 4 << 10

// ReadSecret reads the operator's secret from the file at path, if there is one, or
// else from its variable; "" is none.
func ReadSecret(path string) (string, error) {
	secret, from := os.Getenv(SecretVariable), SecretVariable
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

//go:build !unix

package node

import "github.com/bpsc/bpsc/api"

// limits leaves out what this system has no way to ask for.
func limits(*api.ProcessStatus) {}

package rules

import (
	"encoding/json"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// describe is an operation as its history has it.
func describe(op history.Op) string {
	text, err := json.Marshal(op)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

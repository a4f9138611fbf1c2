package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bpsc/bpsc/audit"
)

// An export is verified without a network. A policy, from somebody trusted, would
// say whose signatures count.
func ExampleVerify() {
	file, err := os.Open("testdata/aka.ndjson.zst")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	report, err := audit.Verify(context.Background(), &audit.File{Reader: file, Token: "aka"}, audit.Options{})
	var found *audit.Finding
	switch {
	case errors.As(err, &found):
		fmt.Printf("block %d, record %d: the check of %s found: %v\n", found.Block, found.Record, found.Check, found)
	case err != nil:
		fmt.Println("the file cannot be read:", err)
	default:
		fmt.Printf("%s: %d blocks with %d records verify, and the checkpoint of %d has their root\n",
			report.Token, report.Blocks, report.Records, report.Checkpoint.Size)
	}
	// Output: aka: 5 blocks with 8 records verify, and the checkpoint of 5 has their root
}

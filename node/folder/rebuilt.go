package folder

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/internal/durable"
)

// RebuiltFile says what rebuilds have done to the folder: the process that did it ends, and
// the node that starts on the folder tells.
const RebuiltFile = "rebuilt.json"

// maxRebuilt bounds the file; the oldest are dropped.
const maxRebuilt = 100

// Rebuilt is a rebuild that was done.
type Rebuilt struct {
	Time    time.Time `json:"time"`
	Way     string    `json:"way"`
	Damaged []string  `json:"damaged"`
	// Mended is how many blocks were damaged, and Fetched how many came from others.
	Mended  uint64 `json:"mended,omitempty"`
	Fetched int    `json:"fetched,omitempty"`
	Told    bool   `json:"told,omitempty"` // in the log, and by a member in the audit log
}

// ReadRebuilt reads the file. One that cannot be read is begun anew: it says nothing that
// anything depends on.
func ReadRebuilt(data string) (all []Rebuilt, err error) {
	text, err := os.ReadFile(filepath.Join(data, RebuiltFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &all) != nil {
		return nil, nil
	}
	return all, nil
}

// WriteRebuilt replaces the file.
func WriteRebuilt(data string, all []Rebuilt) error {
	text, err := json.Marshal(all[max(0, len(all)-maxRebuilt):])
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(data, RebuiltFile), append(text, '\n'), 0o600)
}

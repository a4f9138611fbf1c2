package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const personalFirst = `{"index2": 1, "information": [], "previous_hash": "1", "timestamp": 100.5}`

// personalSecond follows the first and holds one information.
func personalSecond() string {
	hash := sha256.Sum256([]byte(personalFirst))
	return fmt.Sprintf(`{"index2": 2, "information": [{"information": {"n": 1}}], "previous_hash": "%s", "timestamp": 101.5}`,
		hex.EncodeToString(hash[:]))
}

func TestPersonal(t *testing.T) {
	for _, c := range []struct{ name, first, old, replacement, complaint string }{
		{name: "a good chain", first: personalFirst},
		{"a broken link", personalFirst, `"previous_hash": "`, `"previous_hash": "0`, "previous_hash"},
		{"another first block", strings.Replace(personalFirst, "100.5", "100.25", 1), "", "", "previous_hash"},
		{"a gap", personalFirst, `"index2": 2`, `"index2": 3`, "index2"},
		{"time runs back", personalFirst, "101.5", "99.5", "timestamp"},
		{"an unknown key", personalFirst, `"timestamp"`, `"stamp": 1, "timestamp"`, "unknown field"},
		{"keys in another order", strings.Replace(personalFirst, `{"index2": 1, "information": []`, `{"information": [], "index2": 1`, 1), "", "", "not canonical"},
		{"information in the first block", strings.Replace(personalFirst, "[]", `[{"information": 1}]`, 1), "", "", "has information"},
	} {
		t.Run(c.name, func(t *testing.T) {
			second := personalSecond()
			if c.old != "" {
				second = strings.Replace(second, c.old, c.replacement, 1)
			}
			blocks, err := Personal([][]byte{[]byte(c.first), []byte(second)})
			if c.complaint != "" {
				if err == nil || !strings.Contains(err.Error(), c.complaint) {
					t.Errorf("got %v, want a complaint about %q", err, c.complaint)
				}
				return
			}
			if err != nil || len(blocks) != 2 || string(blocks[1].Information[0].Information) != `{"n": 1}` {
				t.Errorf("%+v, %v", blocks, err)
			}
		})
	}
	if _, err := Personal(nil); err == nil {
		t.Error("a chain without a block passes")
	}
}

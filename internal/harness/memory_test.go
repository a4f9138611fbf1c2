package harness

import "testing"

func TestKibibytes(t *testing.T) {
	const status = "Name:\tbpsc\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n"
	for _, c := range []struct {
		name string
		want int64 // bytes; 0 for an error
	}{
		{"VmRSS:", 10 << 20},
		{"VmHWM:", 20 << 20},
		{"VmSwap:", 0},
		{"Name:", 0}, // the first line, and no number
	} {
		got, err := kibibytes([]byte(status), c.name)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d, %v", c.name, got, err)
		}
	}
}

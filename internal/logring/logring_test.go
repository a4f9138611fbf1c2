package logring

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheLastWholeLinesAreKept(t *testing.T) {
	r := New(100)
	if got := r.Tail(); len(got) != 0 {
		t.Errorf("nothing was written: %q", got)
	}
	all := ""
	for i := range 1000 {
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", i%37))
		all += line
		if n, err := r.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		got := string(r.Tail())
		if len(got) > 100 || !strings.HasSuffix("\n"+all, "\n"+got) || len(all) > 100 && len(got) < 50 {
			t.Fatalf("after line %d: %q", i, got)
		}
	}
	if _, err := r.Write([]byte(strings.Repeat("y", 500) + "\nend\n")); err != nil {
		t.Fatal(err)
	}
	if got := string(r.Tail()); !strings.HasSuffix(got, "999 \nend\n") {
		t.Errorf("a line that is too long is left out: %q", got)
	}
	r = New(10)
	_, _ = r.Write([]byte(strings.Repeat("z", 50)))
	if got := r.Tail(); len(got) != 0 {
		t.Errorf("half a line: %q", got)
	}
}

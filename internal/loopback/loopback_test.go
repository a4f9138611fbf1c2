package loopback

import "testing"

func TestListens(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.1.2.3:0": true, "[::1]:5000": true, "localhost:5000": true, "[::ffff:127.0.0.1]:5000": true,
		":5000": false, "0.0.0.0:5000": false, "[::]:5000": false, "10.0.0.1:5000": false, "localhost.example.org:5000": false,
		"127.0.0.1.example.org:5000": false, "n1:5000": false, "": false, "127.0.0.1": false,
	} {
		if got := Listens(addr); got != want {
			t.Errorf("%q: %v", addr, got)
		}
	}
}

package loopback

import (
	"net/url"
	"testing"
)

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

func TestShelters(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:5000": true, "http://[::1]:5000/x": true, "http://localhost": true, "https://ledger.example.org": true, "https://10.0.0.1": true,
		"http://10.0.0.1:5000": false, "http://localhost.example.org": false, "http://127.0.0.1.example.org": false, "ftp://127.0.0.1": false, "127.0.0.1": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Shelters(u); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

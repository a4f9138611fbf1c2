package roster

import "testing"

// The order in which the peers are written down does not matter.
func TestClusterID(t *testing.T) {
	a, b := Peer{"a", "h1:1"}, Peer{"b", "h2:1"}
	if ClusterID([]Peer{a, b}) != ClusterID([]Peer{b, a}) {
		t.Error("it depends on the order")
	}
	if ClusterID([]Peer{a, b}) == ClusterID([]Peer{a, {"b", "h2:2"}}) {
		t.Error("it does not depend on the address")
	}
}

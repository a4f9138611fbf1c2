package replica

import "context"

// testMachine is a StateMachine that knows nothing but how far it is.
type testMachine struct{ index uint64 }

func newTestMachine() *testMachine { return &testMachine{} }

func (m *testMachine) Apply(index uint64, _ int64, _ [][]byte) (func(int) []byte, error) {
	m.index = index
	return func(int) []byte { return nil }, nil
}

func (m *testMachine) Configure(index uint64, _, _ []string) error {
	m.index = max(m.index, index)
	return nil
}

func (m *testMachine) AppliedIndex() uint64                                { return m.index }
func (m *testMachine) Time() int64                                         { return 0 }
func (m *testMachine) NextDue() (int64, bool)                              { return 0, false }
func (m *testMachine) Snapshot(context.Context, string) error              { return nil }
func (m *testMachine) Check(context.Context, string, uint64, uint64) error { return nil }
func (m *testMachine) Restore(string) error                                { return nil }

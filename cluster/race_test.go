//go:build race

package cluster

// raceDetector tells whether this test looks for data races. raft has one, which does no
// harm, where a member's address changes: it replaces id and address under a lock, and
// reads the id, which is the same as before, without it.
const raceDetector = true

//go:build race

package cluster

// raceDetector tells whether this test looks for data races. raft has one, which does no
// harm, where a member's address changes: it replaces id and address under a lock, and
// reads the id, which is the same as before, without it. bbolt has one where it finds its
// list of free pages damaged. scripts/test.sh runs those tests without the detector.
const raceDetector = true

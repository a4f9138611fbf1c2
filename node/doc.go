// Package node puts a member of a cluster, a follower of one and a witness
// together, so that a program can run them as parts of itself, as bpsc does:
// [StartMember], [StartFollower], [StartWitness]. There may be several in one
// process, each with a folder of its own.
//
// # Life
//
// Start opens everything, checks what it finds on disk, and returns a node that
// serves. Mistakes are found before the first byte is written, and wrap
// [ErrUsage]; settings go by the names of bpsc's flags in messages. The node owns
// all goroutines that it starts, its listener and its folder.
//
// Stop ends it in order: open requests get their answers, a leader hands over, and
// the state is on disk. A node that must not go on stops by itself. Done is closed
// once it has stopped, and Wait tells why: nil after Stop, or what somebody has to
// look at before the node is started again. Of that,
//
//   - [ErrUsage] means that the cluster is configured otherwise than this member
//     (bpsc ends with 2),
//   - [chainsync.ErrEvidence] that a strict follower has caught an upstream lying
//     (5),
//   - [ErrFatal] that the node cannot trust its disk or its state any more (70).
//     Every further answer could be wrong, so it does not stop in order: it is cut
//     off at once from its clients and from other members. Goroutines that hang,
//     files and the folder stay taken until the process ends, which it should.
//
// # Serving
//
// A node listens where its configuration says. Where that says nothing, the owner
// serves Handler in a server of its own, and sees to it that clients cannot take
// what they like: how many there are, and how slow. Hosts of requests are checked
// in either case (Access), and requests of the operator must come from this
// machine, or know the secret.
//
// # Rooms
//
// What a data folder has beside state and log is in node/folder, which the node and
// whoever mends it read; what is done to a folder while nothing runs on it (rebuild,
// recover, restore) in node/repair; what Prometheus gets in node/metrics.
package node

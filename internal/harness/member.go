package harness

// Member is one process of a cluster.
type Member struct{ Process }

// newMember lays out a member; nothing is started.
func newMember(dir, binary, id, api, raft, cluster, contract string, more []string) *Member {
	m := &Member{newProcess(dir, binary, id, api)}
	m.args = append([]string{
		"server", "--id", id, "--data", m.Data, "--listen", api, "--raft", raft,
		"--cluster", cluster, "--contract", contract,
	}, more...)
	return m
}

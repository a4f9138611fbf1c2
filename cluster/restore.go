package cluster

// Cluster tells this member's cluster from others.
func (m *Member) Cluster() string { return clusterID(m.cfg.Peers) }

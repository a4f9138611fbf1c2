package cluster

// isReplacing tells whether a member is being replaced, and a new one looked for.
func (m *Member) isReplacing(id string) bool { return false }

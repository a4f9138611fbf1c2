package node

// prepare is a part of a node that takes a new configuration while the node serves. It
// reads and checks what it needs of it, and changes nothing; take, which cannot fail, has
// it count. What it is not about it leaves alone.
type prepare func(c *Common, a *Access) (take func(), err error)

// reloads has a part of the node take part when its configuration is reloaded; for open.
func (s *service) reloads(p prepare) { s.live = append(s.live, p) }

// reload hands a new configuration to all parts of the node, or with an error to none.
func (s *service) reload(c *Common, a *Access) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	var takes []func()
	for _, p := range s.live {
		take, err := p(c, a)
		if err != nil {
			return usage(err)
		}
		takes = append(takes, take)
	}
	for _, take := range takes {
		take()
	}
	return nil
}

// Reload takes of cfg what may change while a member serves, which is Access and what is
// in the files of certificates, or with an error nothing. The rest counts when it is started again.
func (m *Member) Reload(cfg MemberConfig) error {
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	return m.reload(&cfg.Common, &cfg.Access)
}

// Reload is Member.Reload.
func (f *Follower) Reload(cfg FollowerConfig) error {
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	return f.reload(&cfg.Common, &cfg.Access)
}

// Reload is Member.Reload.
func (w *Witness) Reload(cfg WitnessConfig) error {
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	return w.reload(&cfg.Common, &Access{})
}

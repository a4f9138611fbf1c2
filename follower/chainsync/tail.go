package chainsync

import (
	"context"
	"sync"
	"time"
)

// tail asks p once for what comes next, and waits for it. The error may be a
// *refusal, or errSwitch.
func (s *syncer) tail(ctx context.Context, p *peer) error {
	tip, _ := s.at()
	pt := s.f.newPart(tip+1, tip+tailBlocks, tailRoom)
	poll, cancel := context.WithCancelCause(ctx)
	s.polling(cancel)
	began := time.Now()
	var fetcher sync.WaitGroup
	fetcher.Go(func() {
		defer close(pt.out)
		pt.err = s.stream(poll, p, pt, s.f.cfg.PollWait)
	})
	err := s.consume(ctx, pt)
	if last := s.ahead; err == nil && last != nil && pt.length > 0 { // it is the newest there
		err = s.adopt(ctx, []item{*last})
	}
	s.ahead = nil
	s.polling(nil)
	cancel(nil)
	fetcher.Wait()
	pt.hold.giveAll()
	if e := s.sync(ctx); err == nil { // before anybody hears of it
		err = e
	}
	if err != nil {
		return err
	}
	s.answered(p, pt)
	if now, _ := s.at(); now > tip {
		return nil
	}
	// A server may answer at once that there is nothing. Ask again, but not
	// without pause.
	if took := time.Since(began); took < s.f.cfg.PollWait/2 {
		return s.sleep(ctx, jitter(min(s.f.cfg.RetryMax, s.f.cfg.PollWait)/2))
	}
	return nil
}

// polling says how to end the long poll that is under way.
func (s *syncer) polling(cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = cancel
}

// answered notes an answer that was taken to its end.
func (s *syncer) answered(p *peer, pt *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.tries, s.contact = 0, s.f.now()
	if pt.length == 0 { // it has more than we asked for; meet asks how much
		p.met = false
		return
	}
	p.length = max(pt.length, s.tip)
	s.length = p.length
	if s.tip >= pt.length {
		s.synced = true
	}
	s.changed()
}

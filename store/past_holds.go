package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// HoldAt returns what a hold was at the end of a block. One that was not opened by
// then fails with chain.NotFound.
func (s *Store) HoldAt(token string, id chain.ID, block uint64) (chain.HoldState, error) {
	pages := searchPages
	return s.holdAt(token, id, block, &pages)
}

// holdAt is HoldAt, which looks through so many pages of histories at most.
func (s *Store) holdAt(token string, id chain.ID, block uint64, pages *int) (chain.HoldState, error) {
	h, err := s.held(token, id)
	if err != nil {
		return chain.HoldState{}, err
	}
	opened, err := s.placement(token, id, func(*Head) {})
	if err != nil {
		return chain.HoldState{}, err
	}
	if opened.Block > block {
		return chain.HoldState{}, fmt.Errorf("%w: no hold %s then", chain.NotFound, id)
	}
	if h.Ended == "" {
		return h.HoldState, nil
	}
	if h.EndedIn == 0 {
		if err := s.findEnd(token, id, &h, opened.Placement, pages); err != nil {
			return chain.HoldState{}, err
		}
	}
	if h.EndedIn > block {
		h.Ended = ""
	}
	return h.HoldState, nil
}

// findEnd looks for the record that ended a hold, in a row of which nobody has
// noted that, among what its recipient was delivered or refused since it was
// opened, and notes what it finds out. Such a row does not change otherwise: it is
// on the disk, and its hold has ended.
func (s *Store) findEnd(token string, id chain.ID, h *hold, opened Placement, pages *int) error {
	from := max(history.PlaceOf(opened.Block, opened.Position), h.Searched)
	q := chain.HistoryQuery{Kinds: []chain.Kind{chain.Delivery, chain.Refund}, OldestFirst: true, Limit: history.MaxPage, After: from.Cursor()}
	for ; *pages > 0 && h.EndedIn == 0; *pages-- {
		page, err := s.History(token, h.Recipient, q)
		if err != nil {
			return err
		}
		for i := range page.Records {
			if r := &page.Records[i]; r.Record.Hold == id {
				h.EndedIn = r.Block
			}
		}
		if h.EndedIn == 0 && page.Next == "" {
			return fmt.Errorf("%w: hold %s has ended, and no record says so", engine.ErrCorrupt, id)
		}
		if h.Searched, err = history.ParseCursor(page.Next); err != nil && page.Next != "" {
			return err
		}
		q.After = page.Next
	}
	if err := s.noteEnd(token, id, h); err != nil || h.EndedIn != 0 {
		return err
	}
	return fmt.Errorf("%w: in which block hold %s ended", chain.ErrUnfinished, id)
}

func (s *Store) noteEnd(token string, id chain.ID, h *hold) error {
	value, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return s.keep(token, 0, func(contract uint32) (engine.Row, error) {
		return engine.Row{Key: keys.ID{Contract: contract, ID: id}.In(keys.EndedHoldTable), Value: value}, nil
	})
}

// HoldsAt lists the holds of an account that were open at the end of a block. It
// goes back through the holds that name the account, as far as one may have been
// opened that was still open, which chain.MaxHold bounds.
func (s *Store) HoldsAt(token string, q chain.PastHoldQuery) (page chain.PastHoldPage, err error) {
	first, err := s.firstOpen(token, q.Block)
	if err != nil {
		return page, err
	}
	past := chain.HistoryQuery{Kinds: []chain.Kind{chain.Hold}, Direction: chain.In, Limit: history.MaxPage, After: q.After}
	if q.Role == chain.HoldSender {
		past.Direction = chain.Out
	}
	end := history.PlaceOf(q.Block+1, 0)
	if past.After == "" {
		past.After = end.Cursor()
	}
	switch at, err := history.ParseCursor(past.After); {
	case err != nil:
		return page, err
	case at > end:
		return page, fmt.Errorf("%w: the cursor is of another block", chain.InvalidField)
	}
	opened, err := s.History(token, q.Account, past)
	if err != nil {
		return page, err
	}
	pages := searchPages
	for i := range opened.Records {
		r := &opened.Records[i]
		if r.Block < first {
			return page, nil
		}
		if len(page.Holds) == q.Limit {
			page.Next = opened.Records[i-1].Cursor
			return page, nil
		}
		state, err := s.holdAt(token, r.Record.ID, q.Block, &pages)
		if errors.Is(err, chain.ErrUnfinished) && i > 0 {
			page.Next = opened.Records[i-1].Cursor
			return page, nil
		}
		if err != nil {
			return page, err
		}
		if state.Ended == "" {
			page.Holds = append(page.Holds, chain.OpenHold{ID: r.Record.ID, HoldState: state})
		}
	}
	page.Next = opened.Next
	return page, nil
}

// firstOpen is the first block in which a hold may stand that was open at the end
// of a block. At that, all have ended whose time was up when the clock last stood
// earlier: the block may be one of several that their refunds have filled.
func (s *Store) firstOpen(token string, block uint64) (uint64, error) {
	m, err := s.Moment(token, block)
	if err != nil {
		return 0, err
	}
	if m, err = s.MomentAt(token, m.Timestamp-1); err != nil {
		return 0, err
	}
	m, err = s.MomentAt(token, m.Timestamp.Add(-chain.MaxHold))
	return m.Block + 1, err
}

package store

import "github.com/bpsc/bpsc/store/keys"

// recorded is how many ids have become records, which are nearly all, but where somebody
// sends what is refused.
func (s *Store) recorded() (ids uint64) {
	for _, h := range s.heads {
		ids += h.Records
	}
	return ids
}

// filterSize is how large a filter is to be for so many ids.
func (s *Store) filterSize(ids uint64) (bytes int) {
	bytes = s.cfg.FilterBytes
	for 2*bytes <= s.cfg.MaxFilterBytes && uint64(bytes/8)*idsAWord < ids {
		bytes *= 2
	}
	return bytes
}

// growFilter has a larger filter filled where the one in use has become small, and puts it
// in its place once it is whole. The caller holds mu and has just frozen a layer: what
// is in that layer may reach Pebble behind the back of who reads it, all else is in Pebble
// or still to come.
func (s *Store) growFilter() {
	if s.larger == nil {
		if !s.ids.ready.Load() {
			return
		}
		if size := s.filterSize(s.ids.filled + s.ids.decided); size > 8*len(s.ids.words) {
			s.larger = newIDFilter(s.db, size)
			s.larger.addLayer(s.frozen)
		}
		return
	}
	if s.larger.ready.Load() {
		s.ids.close()
		s.ids, s.larger = s.larger, nil
	}
}

func (f *idFilter) addLayer(l *layer) {
	list := l.ids.List()
	for i := range list {
		f.add(&list[i].Key)
	}
	for k := range l.refused {
		f.add(&k)
	}
}

// decided puts a new id into the filters.
func (s *Store) decided(k *keys.ID) {
	for _, f := range [...]*idFilter{s.ids, s.larger} {
		if f != nil {
			f.add(k)
			f.decided++
		}
	}
}

// closeFilters ends their filling.
func (s *Store) closeFilters() {
	s.ids.close()
	if s.larger != nil {
		s.larger.close()
		s.larger = nil
	}
}

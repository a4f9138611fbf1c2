package pyjson

// few is how many keys are compared one by one before a map pays.
const few = 16

// keySet remembers the keys of one object. Objects as they are in practice need
// no memory beyond the stack.
type keySet struct {
	first [few]string
	n     int
	all   map[string]struct{}
}

// add reports whether the key is new.
func (k *keySet) add(key string) bool {
	for _, have := range k.first[:min(k.n, few)] {
		if have == key {
			return false
		}
	}
	if k.n < few {
		k.first[k.n] = key
		k.n++
		return true
	}
	if k.all == nil {
		k.all = make(map[string]struct{})
	}
	if _, ok := k.all[key]; ok {
		return false
	}
	k.all[key] = struct{}{}
	return true
}

const (
	slots     = 32
	maxIntern = 32 // longer keys are not names of fields
)

// interned keeps keys, so that the thousand objects of one array share the
// strings of their keys. A slot holds the last key that fell into it.
type interned [slots]string

// intern returns text as a string of its own.
func (n *interned) intern(text []byte) string {
	if len(text) > maxIntern {
		return string(text)
	}
	hash := uint32(2166136261) // FNV-1a
	for _, c := range text {
		hash = (hash ^ uint32(c)) * 16777619
	}
	slot := &n[hash>>16%slots]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

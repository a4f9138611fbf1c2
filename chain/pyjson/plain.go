package pyjson

// Plain returns how many bytes at the start of s stand for themselves between
// quotes: printable ASCII but the quote and the backslash.
func Plain[T string | []byte](s T) int {
	i := 0
	for i+8 <= len(s) && plainEight(load(s[i:i+8])) {
		i += 8
	}
	for i < len(s) && s[i] >= ' ' && s[i] <= '~' && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// load loads eight bytes; the compiler makes one instruction of it.
func load[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainEight is Plain for eight bytes at once. A subtraction leaves a top bit
// where a byte is below a space, or is a quote, a backslash or DEL; a top bit in
// w itself is beyond ASCII. Borrows do no harm: the first comes from such a byte.
func plainEight(w uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	const quote, backslash, del = '"' * ones, '\\' * ones, 0x7f * ones
	bad := w | (w - ' '*ones) | ((w ^ quote) - ones) | ((w ^ backslash) - ones) | ((w ^ del) - ones)
	return bad&tops == 0
}

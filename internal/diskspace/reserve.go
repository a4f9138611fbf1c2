// Package diskspace keeps a process from filling its disk: a fence closes while
// less space is free than is to stay free, and opens again by itself.
package diskspace

import (
	"fmt"
	"strconv"
	"strings"
)

// Reserve is how much of a file system stays free: a number of bytes, or a share of
// all of it. The zero value keeps nothing.
type Reserve struct {
	bytes   uint64
	percent uint64 // used where it is not 0
}

// Default is twice what a member still writes once it takes nothing new: its queue
// (32 MiB) in the log, two layers of its state (64 MiB), and a merge of its tables. The
// rest is for what else uses the disk, until somebody comes.
func Default() Reserve { return Reserve{bytes: 256 << 20} }

// maxPercent: with more, a disk of any size would never be used.
const maxPercent = 90

// ParseReserve reads a number of bytes with a unit, such as 256MiB or 2GB, or a
// share, such as 5%. 0 is no reserve.
func ParseReserve(text string) (Reserve, error) {
	bad := fmt.Errorf("%q is neither a number of bytes, such as 256MiB, nor a share of the disk up to %d%%, such as 5%%", text, maxPercent)
	digits := strings.TrimRight(text, "BKMGTik%")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return Reserve{}, bad
	}
	unit := text[len(digits):]
	if unit == "%" {
		if n > maxPercent {
			return Reserve{}, bad
		}
		return Reserve{percent: n}, nil
	}
	factor := bytesOf(unit)
	if factor == 0 || n > (1<<62)/factor {
		return Reserve{}, bad
	}
	return Reserve{bytes: n * factor}, nil
}

// String is what ParseReserve reads.
func (r Reserve) String() string {
	if r.percent > 0 {
		return fmt.Sprintf("%d%%", r.percent)
	}
	return strconv.FormatUint(r.bytes, 10)
}

// bytesOf is how many bytes a unit has; 0: there is none of that name.
func bytesOf(unit string) uint64 {
	switch unit {
	case "", "B":
		return 1
	case "kB":
		return 1e3
	case "MB":
		return 1e6
	case "GB":
		return 1e9
	case "TB":
		return 1e12
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}

// of is the reserve in bytes on a file system of so many.
func (r Reserve) of(total uint64) uint64 {
	if r.percent > 0 {
		return total / 100 * r.percent
	}
	return r.bytes
}

// size is a number of bytes for people.
func size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

package settings

import "strings"

// similar is the one of the names that somebody meant who wrote name; "" if none is
// alike enough.
func (s Table) similar(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(name))
	best, distance := "", 3
	if len(name) < 5 {
		distance = 2
	}
	for _, row := range s {
		if d := edits(name, row.name); d < distance {
			best, distance = row.name, d
		}
	}
	if best != "" {
		return best
	}
	for _, row := range s { // the beginning of one, or one with more behind
		if len(name) > 3 && (strings.HasPrefix(row.name, name) || strings.HasPrefix(name, row.name+"-")) {
			return row.name
		}
	}
	return ""
}

// edits is how many bytes have to be put in, left out, changed or swapped with their
// neighbour to make b of a.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+1)
			if a[i] == b[j] {
				row[j+1] = min(row[j+1], last[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

package apply

import (
	"fmt"
	"strings"
)

// suggest is the one of some names that another was probably meant to be; empty: none is close.
func suggest(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, one := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(one)); d < least {
			best, least = one, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with the next to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := range x {
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			d := min(rows[i][j+1]+1, rows[i+1][j]+1, rows[i][j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(x)][len(y)]
}

// maxNamed is how many members an error names at most.
const maxNamed = 10

// notKnown is the error about a member that there is not.
func notKnown(m Member) error {
	if meant := suggest(m.name, m.Among); meant != "" {
		return fmt.Errorf("%s is not known: did you mean %q?", m.Path, meant)
	}
	if len(m.Among) == 0 {
		return fmt.Errorf("%s is not known: no member goes there", m.Path)
	}
	if len(m.Among) > maxNamed {
		return fmt.Errorf("%s is not known: look the name up in the API's description", m.Path)
	}
	return fmt.Errorf("%s is not known: there are %s", m.Path, strings.Join(m.Among, ", "))
}

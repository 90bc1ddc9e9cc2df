package apply

import (
	"fmt"
	"strings"
)

// suggest returns the most similar of the names, or an empty string if none is similar.
func suggest(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, one := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(one)); d < least {
			best, least = one, d
		}
	}
	return best
}

// distance returns the edit distance of a and b. Swapping two adjacent letters is one edit.
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

// maxNamed is the largest number of members that an error lists.
const maxNamed = 12

// unknownMember returns the error for an unknown member.
func unknownMember(m Member) error {
	if meant := suggest(m.name, m.Among); meant != "" {
		return fmt.Errorf("unknown member %s: did you mean %q?", m.Path, meant)
	}
	if len(m.Among) == 0 {
		return fmt.Errorf("unknown member %s: no members are allowed here", m.Path)
	}
	if len(m.Among) > maxNamed {
		return fmt.Errorf("unknown member %s: see the API description for the members", m.Path)
	}
	return fmt.Errorf("unknown member %s: must be one of %s", m.Path, strings.Join(m.Among, ", "))
}

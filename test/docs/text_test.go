package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cutAt splits a script before a word, and returns the rest without the word.
func cutAt(t *testing.T, script, word string) (before, rest string) {
	t.Helper()
	before, rest, found := strings.Cut(script, word)
	if !found {
		t.Fatalf("no %q in %s", word, script)
	}
	return before, rest
}

func endsWith(out, word string) bool { return strings.HasSuffix(strings.TrimSpace(out), word) }

var variable = regexp.MustCompile(`\$\{env:(\w+)\}`)

// variables returns the names of the variables in files, each once.
func variables(files string) []string {
	var names []string
	for _, m := range variable.FindAllStringSubmatch(files, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

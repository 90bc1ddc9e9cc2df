package v4

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Union are the names of both, each once.
func Union(names, more []string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TextOrNull is text, or null where there is none.
func TextOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ContainsFold tells whether a text has another one, which is in lower case, in it.
func ContainsFold(text, lower string) bool { return strings.Contains(strings.ToLower(text), lower) }

// Quote is a name in a sentence.
func Quote(name string) string { return strconv.Quote(Clip(name)) }

// Clip keeps what a client made up short in a sentence.
func Clip(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

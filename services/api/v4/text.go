package v4

import (
	"maps"
	"plumbline.dev/services/internal/excerpt"
	"slices"
	"strings"
)

// Union returns names and more without duplicates.
func Union(names, more []string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TextOrNull returns a pointer to s, or nil if s is empty.
func TextOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// SortedKeys returns the keys of a map in order.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ContainsFold reports whether text contains lower, ignoring case. lower must be in lower case.
func ContainsFold(text, lower string) bool { return strings.Contains(strings.ToLower(text), lower) }

// Quote returns a quoted, shortened name for a message.
func Quote(name string) string { return excerpt.Quoted(name, maxShown) }

// Clip shortens client input for a message.
func Clip(s string) string { return excerpt.Of(s, maxShown) }

// maxShown bounds client input in a message, in bytes.
const maxShown = 64

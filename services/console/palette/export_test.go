package palette

// Paths returns the paths that the palette leads to: of its pages and actions, and the patterns of the kinds.
func Paths() (all, patterns []string) {
	for _, p := range places {
		all = append(all, p.path)
	}
	for _, k := range kinds {
		patterns = append(patterns, k.path+k.page)
	}
	return all, patterns
}

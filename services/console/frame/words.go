package frame

// Number formats a whole number with commas between thousands.
func Number(n int) string { return number(n) }

// Plural returns a number with a word.
func Plural(n int, one, many string) string { return plural(n, one, many) }

// Percent formats a part of a whole.
func Percent(part, whole int) string { return percent(part, whole) }

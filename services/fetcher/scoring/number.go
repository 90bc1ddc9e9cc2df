package scoring

import "bytes"

// parseScore returns the value of a JSON number with an integer value from 0 to 100, exactly: nothing is rounded, and
// no exponent makes it slow. ok is false for every other JSON value.
func parseScore(raw []byte) (score int, ok bool) {
	if len(raw) == 0 {
		return 0, false
	}
	negative := raw[0] == '-'
	if negative {
		raw = raw[1:]
	}
	if raw[0] < '0' || raw[0] > '9' {
		return 0, false // a string, a literal, an object, an array
	}
	if len(raw) <= 2 { // "0" to "99", as nearly all are
		for _, c := range raw {
			score = 10*score + int(c-'0')
		}
		return score, !negative || score == 0
	}
	mantissa, exponent := raw, 0
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		mantissa, exponent = raw[:i], parseExponent(raw[i+1:])
	}
	// The value is the significant digits, as a whole number, times ten to the exponent.
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	exponent -= len(fraction)
	var digits [3]byte
	significant, zeros := 0, 0 // zeros after the last significant digit so far
	for _, part := range [...][]byte{whole, fraction} {
		for _, c := range part {
			if c == '0' {
				if significant > 0 {
					zeros++
				}
				continue
			}
			for ; zeros > 0 && significant < len(digits); zeros-- {
				digits[significant] = '0'
				significant++
			}
			if significant == len(digits) {
				return 0, false // four significant digits are no integer up to 100
			}
			digits[significant] = c
			significant++
		}
	}
	if significant == 0 {
		return 0, true
	}
	exponent += zeros
	if negative || exponent < 0 || exponent > 2 {
		return 0, false
	}
	for _, c := range digits[:significant] {
		score = 10*score + int(c-'0')
	}
	for range exponent {
		score *= 10
	}
	return score, score <= 100
}

// parseExponent reads the digits after the e, up to a size at which the exact value no longer matters: no response is
// long enough for its digits to compensate.
func parseExponent(raw []byte) int {
	const enough = 1 << 40
	sign := 1
	switch raw[0] {
	case '-':
		sign, raw = -1, raw[1:]
	case '+':
		raw = raw[1:]
	}
	n := 0
	for _, c := range raw {
		if n = 10*n + int(c-'0'); n > enough {
			return sign * enough
		}
	}
	return sign * n
}

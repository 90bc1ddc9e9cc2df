package frame

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// number formats a whole number with commas between thousands.
func number(v any) string {
	text := fmt.Sprint(v)
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "−", rest
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// size formats a number of bytes.
func size(n int64) string {
	v, units := float64(n), []string{"bytes", "KB", "MB", "GB", "TB"}
	i := 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 {
		return number(n) + " bytes"
	}
	return short(v) + " " + units[i]
}

// short formats a number with up to one decimal below 10.
func short(v float64) string {
	if v < 10 {
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
}

// percent formats a part of a whole. A part that is neither none nor all is never shown as 0 % or 100 %.
func percent(part, whole int) string {
	if whole <= 0 {
		return "–"
	}
	v := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && v < 0.1:
		return "< 0.1 %"
	case part < whole && v > 99.9:
		return "> 99.9 %"
	}
	return short(v) + " %"
}

// Comparison returns an operator of a check in words, such as "at least" for ">=".
func Comparison(operator string) string {
	switch operator {
	case ">=":
		return "at least"
	case ">":
		return "more than"
	case "<=":
		return "at most"
	case "<":
		return "less than"
	case "=", "==":
		return "exactly"
	}
	return operator
}

// Interval formats a duration as the API writes it, such as "1h30m"; another text stays as it is.
func Interval(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return duration(d)
}

// duration formats a duration in one or two units.
func duration(d time.Duration) string {
	if d < 0 {
		return "−" + duration(-d)
	}
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return short(d.Seconds()) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "days", int(d.Hours())%24, "h")
}

func two(a int, unit string, b int, smaller string) string {
	text := strconv.Itoa(a) + " " + unit
	if b > 0 {
		text += " " + strconv.Itoa(b) + " " + smaller
	}
	return text
}

// relative describes a time as seen from now, such as "12 minutes ago". The browser keeps it current.
func relative(at, now time.Time) string {
	d := now.Sub(at)
	before, after := "", " ago"
	if d < 0 {
		d, before, after = -d, "in ", ""
	}
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"year", 365 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour},
		{"minute", time.Minute}, {"second", time.Second}} {
		if n := int(d / u.unit); n > 0 && (u.unit > time.Second || d >= 5*time.Second) {
			return before + plural(n, u.name, u.name+"s") + after
		}
	}
	return "just now"
}

// plural returns a number with a word.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// Capital returns a text whose first letter is upper case.
func Capital(text string) string {
	_, n := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:n]) + text[n:]
}

// sentence makes a message of the API a sentence.
func sentence(message string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		return ""
	}
	first := Capital(message)
	if !strings.ContainsAny(message[len(message)-1:], ".!?") {
		first += "."
	}
	return first
}

package excerpt_test

import (
	"testing"

	"plumbline.dev/services/internal/excerpt"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ text, of, words, quoted string }{
		{"", "", "", `""`},
		{"12345678", "12345678", "12345678", `"12345678"`},
		{"123456789", "12345678…", "12345678…", `"12345678…"`},
		{"1234567é", "1234567…", "1234567…", `"1234567…"`},
		{"123456 89", "123456 8…", "123456…", `"123456 8…"`},
		{"12 456789", "12 45678…", "12 45678…", `"12 45678…"`},
		{"a\nb\xff", "a\nb\xff", "a\nb\xff", `"a\nb\xff"`},
	} {
		of, words, quoted := excerpt.Of(c.text, 8), excerpt.Words(c.text, 8), excerpt.Quoted(c.text, 8)
		if of != c.of || words != c.words || quoted != c.quoted {
			t.Errorf("%q: %q, %q, %s", c.text, of, words, quoted)
		}
	}
}

package render

import (
	"strings"
	"testing"

	"plumbline.dev/services/internal/cli"
)

func TestColumnsAlign(t *testing.T) {
	var plain, coloured strings.Builder
	for _, c := range []struct {
		out *strings.Builder
		tty bool
	}{{&plain, false}, {&coloured, true}} {
		tab := NewTable(&cli.Terminal{Out: c.out, Colour: c.tty})
		tab.Row("NAME", "STATE", "N")
		tab.Row("Größe", "pass", 7)
		tab.Row("x", "overdue", 10)
		if err := tab.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if want := "NAME   STATE    N\nGröße  pass     7\nx      overdue  10\n"; plain.String() != want {
		t.Errorf("plain\n%s, want\n%s", plain.String(), want)
	}
	const want = "NAME   STATE    N\nGröße  \x1b[32mpass\x1b[0m     7\nx      \x1b[31moverdue\x1b[0m  10\n"
	if coloured.String() != want {
		t.Errorf("coloured\n%q, want\n%q", coloured.String(), want)
	}
}

// Control characters in a hostname do not reach the terminal.
func TestNamesDoNotSteerTheTerminal(t *testing.T) {
	var out strings.Builder
	tab := NewTable(&cli.Terminal{Out: &out, Colour: true})
	tab.Row("a\x1b[2Jb\r\n\u009bc\u2028d")
	if err := tab.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "a·[2Jb···c·d\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

package frame_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An element that loads what a person types replaces a request in flight. By default htmx drops what is typed while one
// request runs and another waits, so the page would show an answer to an older input.
func TestTheLastInputWins(t *testing.T) {
	files, err := filepath.Glob("../*/*.html")
	if err != nil {
		t.Fatal(err)
	}
	tag, typed := regexp.MustCompile(`<[a-z][^<]*data-hx-trigger="[^"]*"[^<]*`),
		regexp.MustCompile(`data-hx-trigger="([^"]*, ?)?(input|change|keyup)[ ,"]`)
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, element := range tag.FindAllString(string(text), -1) {
			if !typed.MatchString(element) {
				continue
			}
			if found++; !strings.Contains(element, `data-hx-sync="this:replace"`) {
				t.Errorf("%s: add data-hx-sync=\"this:replace\" to %s", name, element)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d elements load what a person types: the test does not find them", found)
	}
}

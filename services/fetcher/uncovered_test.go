package fetcher

import (
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// The error of a rejected call names the most similar destination, if there is one.
func TestUncovered(t *testing.T) {
	var apps []catalog.Record[proto.Application]
	for _, d := range []string{"localhost:9000/score", "scores.example.com", "wiki.example.com", "other.test",
		"[::1]:7000"} {
		apps = append(apps, catalog.Record[proto.Application]{Value: &proto.Application{Domains: []string{d}}})
	}
	for at, want := range map[string]string{
		"http://127.0.0.1:9000/score":    "localhost:9000/score",
		"https://api.example.com/":       "scores.example.com",
		"https://scores.example.com:444": "scores.example.com",
		"http://127.0.0.1:7000/":         "[::1]:7000",
		"https://unrelated.invalid/":     "",
		"https://example.test/":          "",
	} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		text := uncovered(apps, u)
		named := strings.Contains(text, "closest")
		if !strings.Contains(text, "no application token") || named != (want != "") || !strings.Contains(text, want) {
			t.Errorf("%s: %s", at, text)
		}
	}
}

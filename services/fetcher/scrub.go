package fetcher

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// scrubber replaces secrets by [proto.Hidden]: a scoring API may send back what it received. It finds the usual forms
// of a secret: the secret itself, escaped for JSON, HTML or a URL, and in base64. The scoring API knows the secret
// anyway; the scrubber keeps it from people who may test an integration, because the control plane never shows a stored
// secret.
type scrubber struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest form
}

func newScrubber(secret, token string) *scrubber {
	var forms []string
	for _, s := range []string{secret, token, token[strings.LastIndexByte(token, '.')+1:]} {
		if s != "" {
			forms = append(forms, formsOf(s)...)
		}
	}
	// At one place the first form that matches is replaced, so the longest comes first.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	s := &scrubber{}
	for _, f := range slices.Compact(forms) {
		pairs, s.longest = append(pairs, f, proto.Hidden), max(s.longest, len(f))
	}
	s.replacer = strings.NewReplacer(pairs...)
	return s
}

func formsOf(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string always encodes
	inJSON := string(quoted[1 : len(quoted)-1])
	plainer := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(inJSON)
	return []string{secret, inJSON, plainer, strings.ReplaceAll(inJSON, "/", `\/`), html.EscapeString(secret),
		url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret))}
}

func (s *scrubber) text(t string) string { return s.replacer.Replace(t) }

// header returns a line of a header. The value of a header for secrets is hidden, whatever it is.
func (s *scrubber) header(name, value string) proto.ProbeHeader {
	if secretHeader(name) {
		return proto.ProbeHeader{Name: name, Value: proto.Hidden}
	}
	return proto.ProbeHeader{Name: name, Value: s.text(value)}
}

// body returns the part of a body that is shown, and whether it lacks a part of raw. If raw is the beginning of a
// longer body, it may end within a secret: its last bytes are left out.
func (s *scrubber) body(raw []byte, beginning bool) (shown []byte, cut bool) {
	shown = []byte(s.replacer.Replace(string(raw)))
	if beginning {
		shown = shown[:max(0, len(shown)-s.longest)]
	}
	return shown[:min(len(shown), proto.MaxProbeBody)], beginning || len(shown) > proto.MaxProbeBody
}

package gate

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/policy"
)

// locate finds the application of a request, or returns the reason for finding none. It normalizes the URL, so that the
// decision and the request to the origin see the same path.
//
// A decision about a path is only valid if the origin reads the path in the same way. If the application depends on the
// path, locate denies a path for which origins may differ, so that the readings lead to different applications:
//
//   - decoded, with empty segments dropped, or kept;
//   - with an encoded slash as a slash, or as a character of its segment;
//   - with a backslash as a slash;
//   - with or without the parameters after a ; in a segment, as servlet containers read it;
//   - with an encoded ? or # as the end of the path, as read by proxies that decode before they split;
//   - with ASCII characters in overlong UTF-8, accepted by old decoders;
//   - decoded twice, or any number of times;
//
// and combinations of these.
//
// A path is always denied if one of these readings has a "." or ".." segment or a NUL, which could escape the path of
// the origin's URL, or a segment ending in a dot or a blank or containing "::$": Windows treats "admin.", "admin " and
// "admin::$DATA" as "admin", and no well-behaved client sends them. Paths are case-sensitive, as Cloudflare documents.
// An origin with case-insensitive paths must not be split by path.
func locate(m *appmatch.Matcher, u *url.URL) (Application, appmatch.Target, policy.Reason) {
	var none Application
	normalizePath(u)
	target, err := appmatch.TargetOf(u)
	if err == nil && u.Host != target.Authority() { // Normalize would parse the host once more
		u.Host = target.Authority()
	}
	if err != nil || u.User != nil || u.Opaque != "" {
		return none, target, policy.BadRequest
	}
	if simple(u) {
		app, ok := m.Match(target)
		return app, target, unknownUnless(ok)
	}
	readings := readings(u)
	if u.Path != "" && u.Path[0] != '/' || len(readings) > maxReadings || slices.ContainsFunc(readings, misleads) {
		return none, target, policy.BadPath
	}
	app, ok := m.Match(target)
	if m.Scoped(target) {
		for _, r := range readings {
			for _, p := range [...]string{r, clean(r)} {
				if other, _ := m.Match(target.At(p)); other.Value != app.Value {
					return none, target, policy.BadPath
				}
			}
		}
	}
	return app, target, unknownUnless(ok)
}

func unknownUnless(found bool) policy.Reason {
	if found {
		return policy.Undecided
	}
	return policy.UnknownHost
}

// simple reports whether a path can be read in one way only.
func simple(u *url.URL) bool {
	p := u.Path
	if u.RawPath != "" || p == "" || p[0] != '/' {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '%', ';', '\\', '?', '#', 0, 0xc0, 0xc1, 0xe0, 0xf0:
			return false
		case '/':
			if i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
				return false
			}
		case '.', ' ':
			if i+1 == len(p) || p[i+1] == '/' {
				return false
			}
		case ':':
			if i+1 < len(p) && p[i+1] == ':' {
				return false
			}
		}
	}
	return true
}

// maxReadings bounds the readings of a path. Legitimate paths have a few.
const maxReadings = 64

// readings returns the ways in which an origin may read a path: each step listed at [locate] applied or not, in any
// order. The list may exceed maxReadings, and is then incomplete.
func readings(u *url.URL) []string {
	// The byte for an encoded slash only has to differ from a slash: no accepted path contains it decoded where it
	// would matter.
	all := []string{u.Path, Unescape(encodedSlash.Replace(u.EscapedPath()))}
	for n := 0; ; {
		if all = closure(all); len(all) == n || len(all) > maxReadings {
			return all
		}
		n = len(all)
		for _, p := range all[:n:n] {
			all = append(all, Unescape(p))
		}
	}
}

// closure adds the results of all steps except decoding, and drops duplicates.
func closure(paths []string) []string {
	all := make([]string, 0, 8)
	for len(paths) > 0 && len(all) <= maxReadings {
		p := paths[0]
		paths = paths[1:]
		if slices.Contains(all, p) {
			continue
		}
		all = append(all, p)
		paths = append(paths, withoutOverlong(p), strings.ReplaceAll(p, `\`, "/"), withoutParameters(p))
		if i := strings.IndexAny(p, "?#"); i >= 0 {
			paths = append(paths, p[:i])
		}
	}
	return all
}

// withoutOverlong replaces overlong UTF-8 forms of ASCII characters, such as C0 AF for a slash.
func withoutOverlong(p string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(p); i++ {
		if c, n := overlong(p[i:]); n > 0 {
			b.WriteString(p[done:i])
			b.WriteByte(c)
			i += n - 1
			done = i + 1
		}
	}
	if done == 0 {
		return p
	}
	return b.String() + p[done:]
}

// overlong returns the ASCII character encoded in two to four bytes at the start of s, and their number n. n is 0 if
// there is no such character.
func overlong(s string) (c byte, n int) {
	switch {
	case len(s) >= 2 && s[0]&0xfe == 0xc0:
		n = 2
	case len(s) >= 3 && s[0] == 0xe0 && s[1]&0xfe == 0x80:
		n = 3
	case len(s) >= 4 && s[0] == 0xf0 && s[1] == 0x80 && s[2]&0xfe == 0x80:
		n = 4
	default:
		return 0, 0
	}
	last, before := s[n-1], s[n-2]
	if last&0xc0 != 0x80 {
		return 0, 0
	}
	return before&1<<6 | last&0x3f, n
}

var encodedSlash = strings.NewReplacer("%2F", "\x01", "%2f", "\x01")

// Unescape decodes a path as lenient decoders do: it keeps malformed escapes unchanged, because one stray % must not
// hide the others.
func Unescape(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	b := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if c, ok := escaped(p[i:]); ok {
			b = append(b, c)
			i += 2
		} else {
			b = append(b, p[i])
		}
	}
	return string(b)
}

// escaped returns the byte of the escape at the start of s.
func escaped(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:3], 16, 8)
	return byte(n), err == nil
}

// withoutParameters removes the text after a ; in each segment.
func withoutParameters(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// misleads reports whether a reading has a dot segment or a NUL, or a segment with another meaning on Windows.
func misleads(p string) bool {
	for s := range strings.SplitSeq(p, "/") {
		if strings.HasSuffix(s, ".") || strings.HasSuffix(s, " ") || strings.Contains(s, "::$") {
			return true
		}
	}
	return strings.Contains(p, "\x00")
}

func clean(p string) string {
	c := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}

package gate

import (
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/policy"
)

// locate finds the application that a request belongs to; where there is none, it says why.
//
// What is decided about a path is worth something only if the origin reads the path in the same way. The
// gateway sends on the path as it came, but for what no URL may hold, which it escapes. So wherever it depends on the path which application
// a request belongs to, a path is refused that origins read in ways which lead to different applications:
//
//   - decoded, with empty segments dropped, or kept;
//   - with an encoded slash as a slash, or as a character of its segment;
//   - with a backslash as a slash;
//   - with or without what follows a ; in a segment, as servlet containers read it;
//   - with an encoded ? or # as the end of the path, as proxies read it that decode before they part it;
//   - with ASCII characters in overlong UTF-8, which old decoders take;
//   - decoded twice;
//
// and in several of these ways at once.
//
// A path with a "." or ".." segment or a NUL in any of these readings is refused everywhere: it could leave
// the path of the origin's URL, and no client that is right sends it. Letters differ by case, as Cloudflare
// documents it: an origin whose paths do not must not be split by path.
func locate(m *appmatch.Matcher, u *url.URL) (Application, policy.Reason) {
	if !validHost(u.Host) || u.User != nil || u.Opaque != "" {
		return Application{}, policy.BadRequest
	}
	target, ok := appmatch.TargetOf(u)
	if !ok {
		return Application{}, policy.BadRequest
	}
	if simple(u) {
		app, ok := m.Match(target)
		return app, unknownUnless(ok)
	}
	readings := readings(u)
	if u.Path != "" && u.Path[0] != '/' || len(readings) > maxReadings || slices.ContainsFunc(readings, climbs) {
		return Application{}, policy.BadPath
	}
	app, ok := m.Match(target)
	if m.Scoped(target) {
		for _, r := range readings {
			for _, p := range [...]string{r, clean(r)} {
				if other, _ := m.Match(target.At(p)); other.Value != app.Value {
					return Application{}, policy.BadPath
				}
			}
		}
	}
	return app, unknownUnless(ok)
}

func unknownUnless(found bool) policy.Reason {
	if found {
		return policy.Undecided
	}
	return policy.UnknownHost
}

// simple tells a path that can be read in one way only.
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
		}
	}
	return true
}

// maxReadings bounds the ways in which a path is read. Those that somebody may mean have a few.
const maxReadings = 64

// readings are the ways in which an origin may read a path: every step that [locate] tells of taken or not, in
// any order. They may be more than maxReadings, and are then not all.
func readings(u *url.URL) []string {
	// No path has the byte that stands for an encoded slash decoded and unrefused where it would matter: it only
	// has to differ from a slash.
	all := []string{u.Path, Unescape(encodedSlash.Replace(u.EscapedPath()))}
	all = closure(all)
	for _, p := range all[:len(all):len(all)] {
		all = append(all, Unescape(p))
	}
	return closure(all)
}

// closure adds what the steps but decoding make of paths, and drops those that are there twice.
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

// withoutOverlong puts ASCII characters in the place of their overlong forms in UTF-8, such as C0 AF for a
// slash.
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

// overlong gives the ASCII character that a text begins with in two to four bytes, and their number; 0 where
// it begins with none.
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

// Unescape decodes a path as lenient decoders do, which leave what is no escape as it stands: one stray % must
// not hide what the others decode to.
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

// escaped gives the byte of the escape that a text begins with.
func escaped(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:3], 16, 8)
	return byte(n), err == nil
}

// withoutParameters takes off what follows a ; in each segment.
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

// climbs tells a reading that has a dot segment or a NUL.
func climbs(p string) bool {
	for s := range strings.SplitSeq(p, "/") {
		if s == "." || s == ".." {
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

// maxHost is the length of the longest name, with a dot behind it and a port. What is longer would stand in
// full in every record of the refusal.
const maxHost = 254 + len(":65535")

// validHost tells a host that means the same to everybody: a name or an address, and perhaps a port.
func validHost(s string) bool {
	if len(s) > maxHost {
		return false
	}
	host, port := s, ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		inner, after, ok := strings.Cut(rest, "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return false
		}
		if after == "" {
			return true
		}
		if after[0] != ':' {
			return false
		}
		port = after[1:]
	} else {
		var ok bool
		host, port, ok = strings.Cut(s, ":")
		if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !inHost(r) }) {
			return false
		}
		if !ok {
			return true
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '+'
}

func inHost(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_' || r >= 0x80
}

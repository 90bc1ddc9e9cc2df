// Package hostname converts host names into the canonical form for storing, comparing and sending: A-labels in lower
// case, without a trailing dot. A comparison, or a decision followed by sending the name, must use this form on both
// sides. A typed name is kept for display only.
package hostname

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxName is the length of the longest name (RFC 1035, 2.3.4), maxLabel of its longest label.
const (
	maxName  = 253
	maxLabel = 63
)

// maxTyped bounds the input: a non-ASCII name may be longer than its A-labels.
const maxTyped = 4 * maxName

// profile converts names as for a lookup (UTS 46, non-transitional). The allowed ASCII characters are checked here,
// because host names in use have underscores.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(true),
	idna.CheckJoiners(true), idna.StrictDomainName(false))

var (
	errEmpty = errors.New("the host name is empty")
	errLong  = fmt.Errorf("the host name is longer than %d bytes", maxName)
	errLabel = fmt.Errorf("a label of the host name is empty or longer than %d bytes", maxLabel)
	errChar  = errors.New("the host name has a character other than letters, digits, hyphens and underscores")
	errStar  = errors.New("a label of the host name with a * has non-ASCII letters")
	errStars = errors.New("a label of the host name has more than one *")
	errAddr  = errors.New("the brackets of the host do not hold an IPv6 address without a zone")
	errPort  = errors.New("the port is not a number from 1 to 65535 without leading zeros")
)

// ASCII returns a name as A-labels in lower case, without a trailing dot. Its error is a sentence.
func ASCII(name string) (string, error) {
	if len(name) > maxTyped {
		return "", errLong
	}
	if !isASCII(name) {
		converted, err := profile.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("the host name cannot be converted to A-labels: %w", err)
		}
		name = converted
	}
	name = lower(strings.TrimSuffix(name, "."))
	return name, check(name, false)
}

// Pattern is [ASCII] for a name with wildcards: each label may have one * for any characters, and must then be ASCII.
func Pattern(name string) (string, error) {
	if !strings.Contains(name, "*") {
		return ASCII(name)
	}
	if len(name) > maxTyped {
		return "", errLong
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for i, label := range labels {
		switch stars := strings.Count(label, "*"); {
		case stars == 0:
			converted, err := ASCII(label)
			if err != nil {
				return "", err
			}
			labels[i] = converted
		case stars > 1:
			return "", errStars
		case !isASCII(label):
			return "", errStar
		}
	}
	name = lower(strings.Join(labels, "."))
	return name, check(name, true)
}

// check validates a name in lower case.
func check(name string, stars bool) error {
	switch {
	case name == "":
		return errEmpty
	case len(name) > maxName:
		return errLong
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return errLabel
		}
		for i := range len(label) {
			if c := label[i]; !inName(c) && (c != '*' || !stars) {
				return errChar
			}
		}
		if strings.HasPrefix(label, "xn--") && !strings.Contains(label, "*") && !isALabel(label) {
			return fmt.Errorf("%q is not an A-label", label)
		}
	}
	return nil
}

// isALabel reports whether a label beginning with xn-- is the canonical form of a non-ASCII label.
func isALabel(label string) bool {
	typed, err := profile.ToUnicode(label)
	if err != nil {
		return false
	}
	again, err := profile.ToASCII(typed)
	return err == nil && again == label
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// Host is a host with an optional port, in canonical form.
type Host struct {
	Name string // A-labels, or an address without brackets
	Port string // empty: the scheme's default
}

// Parse parses a host and a port from a URL or a Host header. Its error is a sentence.
func Parse(s string) (Host, error) {
	name, port, given, err := split(s)
	if err != nil {
		return Host{}, err
	}
	if name[0] != '[' {
		if name, err = ASCII(name); err != nil {
			return Host{}, err
		}
	} else if name, err = address(name); err != nil {
		return Host{}, err
	}
	if given && !isPort(port) {
		return Host{}, errPort
	}
	return Host{Name: name, Port: port}, nil
}

// ParsePattern is [Parse] for a host with wildcards in its labels.
func ParsePattern(s string) (Host, error) {
	name, port, given, err := split(s)
	if err != nil {
		return Host{}, err
	}
	if name[0] != '[' {
		if name, err = Pattern(name); err != nil {
			return Host{}, err
		}
	} else if name, err = address(name); err != nil {
		return Host{}, err
	}
	if given && !isPort(port) {
		return Host{}, errPort
	}
	return Host{Name: name, Port: port}, nil
}

// split separates a host, including brackets, from its port. The host is not empty.
func split(s string) (name, port string, given bool, err error) {
	end := 0
	if strings.HasPrefix(s, "[") {
		if end = strings.IndexByte(s, ']') + 1; end == 0 {
			return "", "", false, errAddr
		}
	}
	name = s
	if at := strings.IndexByte(s[end:], ':'); at >= 0 {
		name, port, given = s[:end+at], s[end+at+1:], true
	}
	if name == "" {
		return "", "", false, errEmpty
	}
	return name, port, given, nil
}

// address parses an IPv6 address in brackets.
func address(s string) (string, error) {
	inner, closed := strings.CutSuffix(s[1:], "]")
	a, err := netip.ParseAddr(inner)
	if !closed || err != nil || !a.Is6() || a.Zone() != "" {
		return "", errAddr
	}
	return a.String(), nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0' && s[0] != '+'
}

// String returns the host as in a URL or a Host header.
func (h Host) String() string {
	s := h.Name
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if h.Port != "" {
		s += ":" + h.Port
	}
	return s
}

// PortOf returns the port or the scheme's default; empty for an unknown scheme.
func (h Host) PortOf(scheme string) string {
	if h.Port != "" {
		return h.Port
	}
	switch strings.ToLower(scheme) {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lower converts ASCII letters to lower case.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

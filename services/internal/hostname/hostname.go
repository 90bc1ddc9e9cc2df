// Package hostname brings the names of hosts into the one form in which they are stored, compared and sent: A-labels
// in lower case, without a dot at the end. Whoever compares two hosts, or decides about one and sends another its
// name, uses this form for both; what a person typed is kept for display only.
package hostname

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxName is the length of the longest name (RFC 1035, 2.3.4), maxLabel that of its longest label.
const (
	maxName  = 253
	maxLabel = 63
)

// maxTyped bounds what is looked at: a name in other letters may be longer than its A-labels.
const maxTyped = 4 * maxName

// profile converts names as a lookup does (UTS 46, non-transitional). Which ASCII characters a name may have is
// checked here, since host names in use have underscores.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(true),
	idna.CheckJoiners(true), idna.StrictDomainName(false))

var (
	errEmpty = errors.New("the host name is empty")
	errLong  = fmt.Errorf("the host name is longer than %d bytes", maxName)
	errLabel = fmt.Errorf("a label of the host name is empty or longer than %d bytes", maxLabel)
	errChar  = errors.New("the host name has a character that is neither a letter, a digit, a hyphen nor an underscore")
	errStar  = errors.New("a label of the host name with a * has letters that are not ASCII")
	errStars = errors.New("a label of the host name has more than one *")
	errAddr  = errors.New("the brackets of the host do not hold an IPv6 address without a zone")
	errPort  = errors.New("the port is not a number from 1 to 65535 without leading zeros")
)

// ASCII is a name as A-labels in lower case, without a dot at the end. The error is a sentence that says why the name
// cannot be converted.
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

// Pattern is [ASCII] for a name whose labels may each have a * for any characters. Such a label is ASCII itself.
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

// check checks a name in lower case.
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
			return fmt.Errorf("%q is no A-label", label)
		}
	}
	return nil
}

// isALabel reports whether a label that begins with xn-- is the one form of a label in other letters.
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

// Host is a host, and perhaps a port, in the one form.
type Host struct {
	Name string // A-labels, or an address without brackets
	Port string // empty: that of the scheme
}

// Parse reads a host and a port as a URL or a Host header has them. The error is a sentence that says what is wrong.
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

// ParsePattern is [Parse] for a host whose labels may have wildcards.
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

// split parts a host, with its brackets, from its port. The host is not empty.
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

// address reads an IPv6 address in brackets.
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

// String is the host as it stands in a URL or a Host header.
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

// PortOf is the port, or that of the scheme; empty if the scheme has none that is known.
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

// lower lowers ASCII letters.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

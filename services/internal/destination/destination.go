// Package destination has what the control plane and the dispatchers agree on about destinations: the labels of sealed
// members, and the rules for headers.
package destination

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
	"plumbline.dev/proto"
)

// URLLabel returns the label of a destination's sealed URL.
func URLLabel(id proto.ID) string { return id.String() + " url" }

// SecretLabel returns the label of a destination's sealed signing secrets.
func SecretLabel(id proto.ID) string { return id.String() + " secret" }

// HeaderLabel returns the label of the sealed value of a destination's header.
func HeaderLabel(id proto.ID, name string) string {
	return id.String() + " header " + strings.ToLower(name)
}

// Bounds of a header, in bytes.
const (
	MaxHeaderName  = 64
	MaxHeaderValue = 4096
)

// own lists the headers that the dispatcher or HTTP itself sets. With another spelling of a name, some servers take one
// header for the other, so names have only letters, digits and hyphens.
var own = map[string]bool{
	"host": true, "connection": true, "keep-alive": true, "te": true, "trailer": true, "transfer-encoding": true,
	"upgrade": true, "content-length": true, "content-encoding": true, "expect": true, "cookie": true, "via": true,
	"user-agent": true, "proxy": true, "proxy-authorization": true, "proxy-authenticate": true, "proxy-connection": true,
	"http2-settings": true, "forwarded": true,
}

// CheckHeaderName returns an error if a destination must not have a header of this name.
func CheckHeaderName(name string) error {
	lower := strings.ToLower(name)
	plain := func(r rune) bool { return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }
	switch {
	case name == "" || len(name) > MaxHeaderName || strings.ContainsFunc(lower, func(r rune) bool { return !plain(r) }):
		return fmt.Errorf("header name %q: use up to %d letters, digits and -", clip(name), MaxHeaderName)
	case own[lower] || strings.HasPrefix(lower, "webhook-"):
		return fmt.Errorf("header %q cannot be set: it is part of every message", name)
	}
	return nil
}

// CheckHeaderValue returns an error if text is not a header value. The error does not contain the value.
func CheckHeaderValue(value string) error {
	if value == "" || len(value) > MaxHeaderValue || strings.TrimSpace(value) != value ||
		!httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("a header value must have 1 to %d bytes without line breaks, control characters and outer blanks",
			MaxHeaderValue)
	}
	return nil
}

func clip(s string) string {
	if len(s) > MaxHeaderName {
		return strings.ToValidUTF8(s[:MaxHeaderName], "") + "..."
	}
	return s
}

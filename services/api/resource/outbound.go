package resource

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/hostname"
)

// MaxURL bounds URLs, in bytes.
const MaxURL = 2048

// MaxCredential bounds client ids and secrets, in bytes.
const MaxCredential = 4096

// CheckURL returns an error if text is not a URL that Plumbline can call. The error completes the sentence
// "config.api_url ...".
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > MaxURL || v4.HasControl(text):
		return errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https:// (or http:// for a private address)")
	case u.Hostname() == "":
		return errors.New("has no host")
	case u.User != nil:
		return errors.New("must not have a user or password, since API responses include the URL")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("must not have a fragment, since fragments are not sent")
	}
	if _, err := hostname.Parse(u.Host); err != nil {
		return fmt.Errorf("cannot be called: %w", err)
	}
	return nil
}

// IsHeaderValue reports whether text is 1 to [MaxCredential] visible ASCII characters.
func IsHeaderValue(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return s != "" && len(s) <= MaxCredential
}

// SameHost reports whether two URLs have the same scheme, host and port, so that a secret would go to the same server.
func SameHost(a, b string) bool {
	if a == b {
		return true
	}
	ua, err1 := url.Parse(a)
	ub, err2 := url.Parse(b)
	if err1 != nil || err2 != nil || !strings.EqualFold(ua.Scheme, ub.Scheme) {
		return false
	}
	ha, err1 := hostname.Parse(ua.Host)
	hb, err2 := hostname.Parse(ub.Host)
	return err1 == nil && err2 == nil && ha.Name == hb.Name && ha.PortOf(ua.Scheme) == hb.PortOf(ub.Scheme)
}

package api

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/hostname"
)

// Bounds of what is sent to the scoring API, in bytes.
const (
	maxURL        = 2048
	maxCredential = 4096
)

func (c *integrationChange) readConfig(config object, old *proto.Integration, pinned bool) error {
	var err error
	var secret *string
	if c.url, err = given(config.text, config, "api_url"); err != nil {
		return invalidIntegration("config.api_url must be a string")
	}
	if c.client, err = given(config.text, config, "access_client_id"); err != nil {
		return invalidIntegration("config.access_client_id must be a string")
	}
	if secret, err = given(config.text, config, "access_client_secret"); err != nil {
		return invalidIntegration("config.access_client_secret must be a string")
	}
	if old == nil && (c.url == nil || c.client == nil || secret == nil) {
		return invalidIntegration("config needs api_url, access_client_id and access_client_secret")
	}
	if c.url != nil {
		if err := checkURL(*c.url); err != nil {
			return invalidIntegration("config.api_url %v", err)
		}
	}
	if c.client != nil && !headerValue(*c.client) {
		return invalidIntegration("config.access_client_id must be 1 to 4096 visible ASCII characters, no blanks")
	}
	if secret != nil {
		if !headerValue(*secret) {
			return invalidIntegration("config.access_client_secret must be 1 to 4096 visible ASCII characters, no blanks")
		}
		c.secret = *secret
	}
	if pinned && old != nil && c.url != nil && c.secret == "" && !sameHost(*c.url, old.APIURL) {
		return invalidIntegration("the host of config.api_url changes: give config.access_client_secret again")
	}
	return nil
}

// checkURL completes the sentence "config.api_url ...".
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || hasControl(text):
		return errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https:// (or http:// for a private address)")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil:
		return errors.New("must not hold a user or password: they would be read back")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("must not have a fragment: it is never sent")
	}
	if _, err := hostname.Parse(u.Host); err != nil {
		return fmt.Errorf("cannot be called: %w", err)
	}
	return nil
}

func headerValue(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxCredential
}

// sameHost compares scheme, host and port: whom the secret would go to.
func sameHost(a, b string) bool {
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

// keepConfig merges the config of a type that is only kept.
func (c *integrationChange) keepConfig(config object, old *proto.Integration) error {
	kept := object{}
	if old != nil {
		kept = stored(old.Config)
	}
	for _, name := range keptConfig {
		if _, there := config[name]; !there {
			continue
		}
		if v, err := config.text(name); err != nil {
			return invalidIntegration("config.%s must be a string", name)
		} else if v != "" {
			kept.set(name, v)
		} else {
			delete(kept, name)
		}
	}
	c.config = kept.sent()
	return nil
}

package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// Bounds of what is sent to the scoring API, in bytes.
const ()

func (c *integrationChange) readConfig(config v4.Object, old *proto.Integration, pinned bool) error {
	var err error
	var secret *string
	if c.url, err = given(config.Text, config, "api_url"); err != nil {
		return invalidIntegration("config.api_url must be a string")
	}
	if c.client, err = given(config.Text, config, "access_client_id"); err != nil {
		return invalidIntegration("config.access_client_id must be a string")
	}
	if secret, err = given(config.Text, config, "access_client_secret"); err != nil {
		return invalidIntegration("config.access_client_secret must be a string")
	}
	if old == nil && (c.url == nil || c.client == nil || secret == nil) {
		return invalidIntegration("config needs api_url, access_client_id and access_client_secret")
	}
	if c.url != nil {
		if err := resource.CheckURL(*c.url); err != nil {
			return invalidIntegration("config.api_url %v", err)
		}
	}
	if c.client != nil && !resource.IsHeaderValue(*c.client) {
		return invalidIntegration("config.access_client_id must be 1 to 4096 visible ASCII characters without spaces")
	}
	if secret != nil {
		if !resource.IsHeaderValue(*secret) {
			return invalidIntegration("config.access_client_secret must be 1 to 4096 visible ASCII characters without spaces")
		}
		c.secret = *secret
	}
	if pinned && old != nil && c.url != nil && c.secret == "" && !resource.SameHost(*c.url, old.APIURL) {
		return invalidIntegration("the host of config.api_url has changed: enter config.access_client_secret again")
	}
	return nil
}

// keepConfig merges the config of a type that is stored but not polled.
func (c *integrationChange) keepConfig(config v4.Object, old *proto.Integration) error {
	kept := v4.Object{}
	if old != nil {
		kept = v4.Decode(old.Config)
	}
	for _, name := range keptConfig {
		if _, there := config[name]; !there {
			continue
		}
		if v, err := config.Text(name); err != nil {
			return invalidIntegration("config.%s must be a string", name)
		} else if v != "" {
			kept.Set(name, v)
		} else {
			delete(kept, name)
		}
	}
	c.config = kept.Encode()
	return nil
}

package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/proto"
)

// maxFound is the number of devices that [Client.FindDevice] reads at most.
const maxFound = 500

// FindDevice returns the id of the one device with an id, host name, serial number or e-mail address, in any letter
// case. Revoked devices are included. If there is no such device or several, the error lists similar ones.
func (c *Client) FindDevice(ctx context.Context, text string) (string, error) {
	if _, err := proto.ParseID(text); err == nil {
		return text, nil
	}
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("the device is missing: give its id, host name, serial number or e-mail address")
	}
	all, more, err := c.Devices(ctx, url.Values{"search": {text}, "active_registrations": {"include"}}, maxFound)
	if err != nil {
		return "", err
	}
	var exact, near []PhysicalDevice
	for _, i := range all {
		if named(&i.Value, text) {
			exact = append(exact, i.Value)
		} else {
			near = append(near, i.Value)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0].ID, nil
	case len(exact) > 1:
		return "", fmt.Errorf("%d devices have the name %q: use an id: %s", len(exact), text, listed(exact, more))
	case len(near) > 0:
		return "", &notFoundError{"device", text, listed(near, more)}
	}
	return "", &notFoundError{"device", text, ""}
}

func named(d *PhysicalDevice, text string) bool {
	for _, name := range []string{d.Name, serialOf(d), emailOf(d)} {
		if strings.EqualFold(name, text) {
			return true
		}
	}
	return false
}

// listed returns the names of the first few devices.
func listed(all []PhysicalDevice, more bool) string {
	const most = 5
	var b strings.Builder
	for n, d := range all {
		if n == most {
			more = true
			break
		}
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.ID)
		for _, name := range []string{d.Name, serialOf(&d), emailOf(&d)} {
			if name != "" {
				b.WriteString(" (" + name + ")")
				break
			}
		}
	}
	if more {
		b.WriteString(", and more")
	}
	return b.String()
}

func serialOf(d *PhysicalDevice) string {
	if d.Serial == nil {
		return ""
	}
	return *d.Serial
}

func emailOf(d *PhysicalDevice) string {
	if d.User == nil {
		return ""
	}
	return d.User.Email
}

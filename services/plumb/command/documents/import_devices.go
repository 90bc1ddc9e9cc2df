package documents

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net/url"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// devicesFile is the file that plumb devices import reads.
const devicesFile = "devices.csv"

// devices returns the account's devices with an active registration as a file for plumb devices import. If the account
// does not allow to read them, leftOut says so.
func (c *importCloudflare) devices(ctx context.Context, t *cli.Terminal) (file kindFile, leftOut []string, err error) {
	if len(c.TerraformState) > 0 {
		return kindFile{}, nil, nil // a state has no devices
	}
	cl, err := c.account(t)
	if err != nil {
		return kindFile{}, nil, err
	}
	defer cl.Close()
	all, _, err := cl.Devices(ctx, url.Values{"active_registrations": {"only"}}, math.MaxInt)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500:
		return kindFile{}, []string{fmt.Sprintf("devices: %v", err)}, nil
	case err != nil:
		return kindFile{}, nil, fmt.Errorf("devices: %w", err)
	case len(all) == 0:
		return kindFile{}, nil, nil
	}
	text, err := deviceCSV(all)
	return kindFile{name: devicesFile, count: len(all), text: text}, nil, err
}

// deviceCSV returns devices as CSV. Cloudflare's API does not return a device's address in the overlay network: the
// column virtual_ipv4 is filled only if the account is one of Plumbline.
func deviceCSV(all []client.Item[client.PhysicalDevice]) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write([]string{"device_id", "email", "serial_number", "mac_address", "virtual_ipv4",
		"hostname"}); err != nil {
		return nil, err
	}
	for _, i := range all {
		d := i.Value
		email := ""
		if d.User != nil {
			email = d.User.Email
		}
		if err := w.Write([]string{d.ID, email, orEmpty(d.Serial), orEmpty(d.MAC), orEmpty(d.IPv4), d.Name}); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

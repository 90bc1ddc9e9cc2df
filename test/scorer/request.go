package scorer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// Device is a device in a request.
type Device struct {
	ID                                 string
	Email, Serial, MAC, IPv4, Hostname string
}

// fields are the keys of a device. All of them are present; unknown values are blank.
var fields = []string{"device_id", "email", "serial_number", "mac_address", "virtual_ipv4", "hostname"}

// readDevices parses a request's body under the strictest reading of the contract.
func readDevices(body []byte) ([]Device, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	var request struct {
		Devices *[]map[string]*string `json:"devices"`
	}
	if err := d.Decode(&request); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	switch {
	case d.More():
		return nil, errors.New("body: unexpected data after the object")
	case request.Devices == nil:
		return nil, errors.New("body: no devices")
	case len(*request.Devices) > proto.PageSize:
		return nil, fmt.Errorf("body: %d devices, 1000 are allowed", len(*request.Devices))
	}
	devices := make([]Device, 0, len(*request.Devices))
	seen := make(map[string]bool, len(*request.Devices))
	for i, of := range *request.Devices {
		device, err := readDevice(of)
		if err != nil {
			return nil, fmt.Errorf("device %d: %w", i, err)
		}
		if seen[device.ID] {
			return nil, fmt.Errorf("device %d: %s is listed twice", i, device.ID)
		}
		seen[device.ID] = true
		devices = append(devices, device)
	}
	return devices, nil
}

func readDevice(of map[string]*string) (Device, error) {
	for key, value := range of {
		if !slices.Contains(fields, key) {
			return Device{}, fmt.Errorf("%s is not a field of the contract", key)
		}
		if value == nil {
			return Device{}, fmt.Errorf("%s is null", key)
		}
	}
	if len(of) != len(fields) {
		return Device{}, fmt.Errorf("has %d fields, not %v", len(of), fields)
	}
	d := Device{
		ID: *of["device_id"], Email: *of["email"], Serial: *of["serial_number"], MAC: *of["mac_address"],
		IPv4: *of["virtual_ipv4"], Hostname: *of["hostname"],
	}
	if id, err := proto.ParseID(d.ID); err != nil || id.String() != d.ID {
		return d, fmt.Errorf("device_id %q is not a lower-case UUID", d.ID)
	}
	if _, err := mail.ParseAddress(d.Email); d.Email != "" && err != nil {
		return d, fmt.Errorf("email %q: %w", d.Email, err)
	}
	if _, err := net.ParseMAC(d.MAC); d.MAC != "" && err != nil {
		return d, fmt.Errorf("mac_address %q: %w", d.MAC, err)
	}
	if ip := net.ParseIP(d.IPv4); d.IPv4 != "" && (ip == nil || ip.To4() == nil) {
		return d, fmt.Errorf("virtual_ipv4 %q is no IPv4 address", d.IPv4)
	}
	return d, nil
}

// checkHead returns an error if a request's method or headers violate the contract.
func checkHead(r *http.Request) error {
	switch kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); {
	case r.Method != http.MethodPost:
		return fmt.Errorf("method %s, want POST", r.Method)
	case kind != "application/json":
		return fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	for name, values := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), "cf-access-") && len(values) != 1 {
			return fmt.Errorf("header %s is present %d times", name, len(values))
		}
	}
	return nil
}

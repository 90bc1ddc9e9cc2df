package sample

import (
	_ "embed"
	"strings"
)

// DeviceCount is how many devices [Devices] lists.
const DeviceCount = 2500

//go:embed devices.csv
var devices string

// Devices is a list of devices to enrol, as CSV. Some fields are blank, host names are of many languages,
// some devices have no id but a serial number of their own, and two with ids share a serial number.
func Devices() *strings.Reader { return strings.NewReader(devices) }

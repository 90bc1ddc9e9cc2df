package sample

import (
	_ "embed"
	"strings"
)

// DeviceCount is the number of devices in [Devices].
const DeviceCount = 2500

//go:embed devices.csv
var devices string

// Devices returns a list of devices as CSV. Some fields are blank, host names are in many languages, some devices have
// only a serial number, and two devices share a serial number.
func Devices() *strings.Reader { return strings.NewReader(devices) }

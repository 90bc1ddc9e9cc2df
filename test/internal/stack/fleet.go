package stack

import (
	"fmt"
	"iter"

	"plumbline.dev/proto"
)

// Fleet returns count devices, always the same ones. Some fields are blank, some are not ASCII.
func Fleet(count int) iter.Seq[proto.Device] {
	return func(yield func(proto.Device) bool) {
		for n := range count {
			if !yield(FleetDevice(n)) {
				return
			}
		}
	}
}

// FleetDevice returns the n-th device of every fleet.
func FleetDevice(n int) proto.Device {
	d := proto.Device{
		ID:       proto.DeriveID(proto.Account{}, fmt.Sprintf("device %d", n)),
		Email:    fmt.Sprintf("user%d@example.com", n),
		Serial:   fmt.Sprintf("SN%08d", n),
		MAC:      fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", n>>24&255, n>>16&255, n>>8&255, n&255),
		IPv4:     fmt.Sprintf("100.%d.%d.%d", 64+n>>16&63, n>>8&255, n&255),
		Hostname: fmt.Sprintf("host-%d", n),
	}
	switch n % 10 {
	case 3:
		d.Hostname = fmt.Sprintf("büro-%d-東京", n)
	case 5:
		d.MAC, d.IPv4 = "", ""
	case 7:
		d.Email = ""
	}
	return d
}

// Package device holds the screens of devices: the list with its filter, and a device with the reasons for its
// outcomes.
package device

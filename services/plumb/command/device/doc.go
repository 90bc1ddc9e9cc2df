// Package device holds the commands that list, import, revoke and delete devices.
package device

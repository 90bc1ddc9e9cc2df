// Package rulebook makes the policies of applications ready for decisions, each revision once, from a view
// of the configuration. It is what the services that decide share.
package rulebook

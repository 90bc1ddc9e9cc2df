// Package resource holds what the resources of the API have in common: finding the one that a path names, and the
// errors and messages about names and references.
package resource

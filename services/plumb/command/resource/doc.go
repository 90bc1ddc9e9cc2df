// Package resource holds the commands that every kind of resource has in common: list, show, edit in an editor and
// delete. A [Kind] describes a kind to them.
package resource

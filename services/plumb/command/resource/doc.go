// Package resource holds the commands that every kind of resource has in common: list, show, create, change and delete.
// A [Kind] describes a kind to them. The flags that are particular to a kind are a [Creation], a [Patch] or a
// [Revision].
package resource

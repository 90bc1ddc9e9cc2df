// Package render writes what a command has read: as a table, as JSON or as YAML, once or each time it changes.
package render

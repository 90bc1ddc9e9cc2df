// Package resource holds the common parts of the API's resources: lookups by path, and the errors and messages about
// names and references.
package resource

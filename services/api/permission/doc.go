// Package permission says what API tokens may do: the scopes of the routes, the permission groups that tokens are
// given, and whether a token has what a request needs.
package permission

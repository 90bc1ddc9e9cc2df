// Package permission defines the permissions of API tokens: the scopes of the routes, the permission groups, and
// whether a token has the permission that a request requires.
package permission

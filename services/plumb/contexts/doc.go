// Package contexts stores the control planes that a user works with, by name: the URL, the account, and the API token
// or its file. The file has mode 0600.
package contexts

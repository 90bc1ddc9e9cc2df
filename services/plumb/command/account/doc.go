// Package account holds the commands for API tokens, and for contexts, which store the control planes and the API
// tokens that commands use.
package account

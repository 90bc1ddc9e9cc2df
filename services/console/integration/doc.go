// Package integration has the screens of integrations: the list, and one integration with its form, the test pane
// beside it, its polls and its checks. A test calls the scoring API through the control plane and saves nothing.
package integration

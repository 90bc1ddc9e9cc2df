// Package member has the screens of members: people who use the control plane through the gateway, and their roles.
package member

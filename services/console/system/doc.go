// Package system is the screen Health: whether the installation works, and what to do where it does not.
package system

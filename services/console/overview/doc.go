// Package overview is the console's first screen.
package overview

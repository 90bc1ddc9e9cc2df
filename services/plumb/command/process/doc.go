// Package process holds the commands to run Plumbline in one process, and to prepare separate service processes.
package process

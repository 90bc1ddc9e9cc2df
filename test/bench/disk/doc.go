// Package disk tells which stream of an embedded NATS server a process writes to, and why. It reads what strace records
// of the process's system calls: the server's store has a directory for each stream, and names its files by their use.
package disk

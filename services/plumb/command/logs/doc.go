// Package logs holds the commands that read the posture log, the access log and the audit log.
package logs

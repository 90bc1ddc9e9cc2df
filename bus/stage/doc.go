// Package stage processes the messages of a consumer: a [Stage] of the pipeline hands each message to a [Handler], and
// acknowledges it, has it redelivered, or moves it to the dead letters.
package stage

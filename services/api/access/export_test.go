package access

// MaxTag is the largest length of a tag's name in bytes.
const MaxTag = maxTag

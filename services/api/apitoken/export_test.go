package apitoken

// MaxTokenName is the largest length of a token's name in bytes.
const MaxTokenName = maxTokenName

package wechat

// For fuzzing: how messages are read and written.
var (
	ParseFields  = parseFields
	FormatFields = formatFields
)

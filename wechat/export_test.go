package wechat

import "yunduo"

// For fuzzing: how messages are read and written.
var (
	ParseFields  = parseFields
	FormatFields = formatFields
)

// Proof makes the proof of an address for notifications.
func Proof(s *Service, app yunduo.AppID, kind, function string) string {
	return s.proof(app, kind, function)
}

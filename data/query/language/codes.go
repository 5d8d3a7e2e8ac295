package language

import "yunduo"

// The error numbers of MongoDB that the language uses where that of a reason (yunduo.Reason.MongoCode) is not exact.
const (
	BadValue                   = 2
	FailedToParse              = 9
	TypeMismatch               = 14
	PathNotViable              = 28
	ConflictingUpdates         = 40
	DollarPrefixedFieldName    = 52
	NotSingleValueField        = 54
	EmptyFieldName             = 56
	ImmutableField             = 66
	InvalidOptions             = 72
	CommandNotSupported        = 115
	DocumentValidationFailure  = 121
	ConversionFailure          = 241
	InvalidPipelineOperator    = 168
	MemoryLimitExceeded        = 292
	UnknownGroupOperator       = 15952
	SortExceedsMemory          = 16819
	UnrecognizedStage          = 40324
	FirstStageOnly             = 40602
	MissingCollationLocale     = 40414
	UnrecognizedCollationField = 40415
	UnrecognizedWindowFunction = FailedToParse
)

// At puts the place of a mistake in front of its sentence.
func At(place string, mistake error) error {
	e := yunduo.AsError(mistake)
	return yunduo.Wrap(mistake, e.Reason, "%s: %s", place, e.Message)
}

// Errorf makes an error with a reason, MongoDB's number for it and a sentence for the caller.
func Errorf(code int, reason yunduo.Reason, format string, args ...any) *yunduo.Error {
	return yunduo.Errorf(reason, format, args...).WithMongoCode(code)
}

package mongowire

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// code is one of MongoDB's error numbers.
type code int32

// The numbers that are given here.
const (
	codeInternalError          code = 1
	codeBadValue               code = 2
	codeFailedToParse          code = 9
	codeUnauthorized           code = 13
	codeTypeMismatch           code = 14
	codeAuthenticationFailed   code = 18
	codeIllegalOperation       code = 20
	codeNamespaceNotFound      code = 26
	codeIndexNotFound          code = 27
	codePathNotViable          code = 28
	codeCursorNotFound         code = 43
	codeNamespaceExists        code = 48
	codeMaxTimeExpired         code = 50
	codeCommandNotFound        code = 59
	codeCannotCreateIndex      code = 67
	codeInvalidOptions         code = 72
	codeInvalidNamespace       code = 73
	codeIndexOptionsConflict   code = 85
	codeIndexSpecsConflict     code = 86
	codeShutdown               code = 91
	codeWriteConflict          code = 112
	codeConflictingOperation   code = 117
	codeCommandNotSupported    code = 115
	codeExceededMemory         code = 146
	codeTransactionTooLarge    code = 257
	codeTransactionTooOld      code = 225
	codeNoSuchTransaction      code = 251
	codeTransactionCommitted   code = 256
	codeInvalidResumeToken     code = 260
	codeTooManySessions        code = 261
	codeOperationNotInTxn      code = 263
	codeHistoryLost            code = 286
	codeNoQueryExecutionPlans  code = 291
	codeRateLimited            code = 462
	codeDocumentTooLarge       code = 10334
	codeDuplicateKey           code = 11000
	codeCursorInUse            code = 12051
	codeUnknownStage           code = 40324
	codeMissingField           code = 40414
	codeUnknownField           code = 40415
	codeMechanismUnavailable   code = 334
	codeChangeStreamFatalError code = 280
)

var codeNames = map[code]string{
	codeInternalError: "InternalError", codeBadValue: "BadValue", codeFailedToParse: "FailedToParse",
	codeUnauthorized: "Unauthorized", codeTypeMismatch: "TypeMismatch", codeAuthenticationFailed: "AuthenticationFailed",
	codeIllegalOperation: "IllegalOperation", codeNamespaceNotFound: "NamespaceNotFound", codeIndexNotFound: "IndexNotFound",
	codePathNotViable: "PathNotViable", codeCursorNotFound: "CursorNotFound", codeNamespaceExists: "NamespaceExists",
	codeMaxTimeExpired: "MaxTimeMSExpired", codeCommandNotFound: "CommandNotFound", codeCannotCreateIndex: "CannotCreateIndex",
	codeInvalidOptions: "InvalidOptions", codeInvalidNamespace: "InvalidNamespace",
	codeIndexOptionsConflict: "IndexOptionsConflict", codeIndexSpecsConflict: "IndexKeySpecsConflict",
	codeShutdown: "ShutdownInProgress", codeWriteConflict: "WriteConflict",
	codeConflictingOperation: "ConflictingOperationInProgress", codeCommandNotSupported: "CommandNotSupported",
	codeExceededMemory: "ExceededMemoryLimit", codeTransactionTooLarge: "TransactionTooLarge",
	codeTransactionTooOld: "TransactionTooOld", codeNoSuchTransaction: "NoSuchTransaction",
	codeTransactionCommitted: "TransactionCommitted", codeInvalidResumeToken: "InvalidResumeToken",
	codeTooManySessions: "TooManyLogicalSessions", codeOperationNotInTxn: "OperationNotSupportedInTransaction",
	codeHistoryLost: "ChangeStreamHistoryLost", codeNoQueryExecutionPlans: "NoQueryExecutionPlans",
	codeRateLimited: "IngressRequestRateLimitExceeded", codeDocumentTooLarge: "BSONObjectTooLarge", 241: "ConversionFailure",
	codeDuplicateKey: "DuplicateKey", codeCursorInUse: "CursorInUse", codeMechanismUnavailable: "MechanismUnavailable",
	codeChangeStreamFatalError: "ChangeStreamFatalError",
	6:                          "HostUnreachable", 8: "UnknownError", 40: "ConflictingUpdateOperators", 47: "NoMatchingDocument",
	52: "DollarPrefixedFieldName", 56: "EmptyFieldName", 66: "ImmutableField", 121: "DocumentValidationFailure",
	168: "InvalidPipelineOperator", 171: "CannotIndexParallelArrays", 217: "IncompleteTransactionHistory",
	292: "QueryExceededMemoryLimitNoDiskUseAllowed",
}

// String returns the code's name as drivers know it.
func (c code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("Location%d", int32(c))
}

// labelTransient tells drivers to run the whole transaction again.
const labelTransient = "TransientTransactionError"

// failure is an error in the form that clients know.
type failure struct {
	code    code
	message string
	labels  []string
	cause   error // for the log
}

func (f *failure) Error() string { return f.code.String() + ": " + f.message }

func (f *failure) Unwrap() error { return f.cause }

func failf(c code, format string, args ...any) *failure {
	return &failure{code: c, message: fmt.Sprintf(format, args...)}
}

// reasonCodes are the numbers of reasons that have none of their own, for they are not about documents.
var reasonCodes = map[yunduo.Reason]code{
	yunduo.ReasonTokenInvalid:     codeUnauthorized,
	yunduo.ReasonSignatureInvalid: codeUnauthorized,
	yunduo.ReasonAppNotFound:      codeUnauthorized,
	yunduo.ReasonInvalidAppID:     codeInvalidNamespace,
	yunduo.ReasonShuttingDown:     codeShutdown,
	yunduo.ReasonRateLimited:      codeRateLimited,
	yunduo.ReasonUnsupportedCall:  codeCommandNotSupported,
}

// asFailure turns any error into one that clients know. It returns nil for nil.
func asFailure(err error) *failure {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &failure{code: codeMaxTimeExpired, message: "operation exceeded time limit", cause: err}
	}
	e := yunduo.AsError(err)
	c := code(e.MongoCode())
	if own, known := reasonCodes[e.Reason]; known {
		c = own
	} else if c == 0 {
		c = codeInternalError
	}
	f := &failure{code: c, message: e.Message, cause: err}
	if c == codeDuplicateKey && !strings.HasPrefix(f.message, "E11000") {
		f.message = "E11000 duplicate key error: " + f.message // some applications read it from the text
	}
	return f
}

// document is the failure as a reply.
func (f *failure) document() bson.D {
	d := bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: f.message}, {Key: "code", Value: int32(f.code)}, {Key: "codeName", Value: f.code.String()}}
	if len(f.labels) > 0 {
		d = append(d, bson.E{Key: "errorLabels", Value: f.labels})
	}
	return d
}

// writeError is the failure of one of several writes.
func (f *failure) writeError(index int) bson.D {
	return bson.D{{Key: "index", Value: int32(index)}, {Key: "code", Value: int32(f.code)}, {Key: "errmsg", Value: f.message}}
}

package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"yunduo"
)

// Error numbers of MongoDB that mean something to the engine.
const (
	codeBadValue             = 2
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeNamespaceNotFound    = 26
	codeIndexNotFound        = 27
	codeNamespaceExists      = 48
	codeMaxTimeExpired       = 50
	codeCannotCreateIndex    = 67
	codeImmutableField       = 66
	codeInvalidNamespace     = 73
	codeIndexOptionsConflict = 85
	codeIndexSpecsConflict   = 86
	codeWriteConflict        = 112
	codeExceededMemory       = 146
	codeParallelArrays       = 171
	codeTransactionTooLarge  = 257
	codeNoSuchTransaction    = 251
	codeTransactionCommitted = 256
	codeHistoryLost          = 286
	codeMemoryLimit          = 292
	codeDocumentTooLarge     = 10334
	codeDuplicateKey         = 11000
	codeNoPlace              = 16755 // an indexed field that is no place
	codeSortMemory           = 16819
	codeKeyTooLong           = 17280
	codeUpdateTooLarge       = 17419
)

// labelTransient marks errors after which a transaction may be tried again.
const labelTransient = "TransientTransactionError"

var reasons = map[int]yunduo.Reason{
	codeNamespaceNotFound:    yunduo.ReasonCollectionNotFound,
	codeIndexNotFound:        yunduo.ReasonIndexNotFound,
	codeNamespaceExists:      yunduo.ReasonCollectionExists,
	codeMaxTimeExpired:       yunduo.ReasonTimeout,
	codeCannotCreateIndex:    yunduo.ReasonInvalidIndex,
	codeImmutableField:       yunduo.ReasonUpdateNotApplicable,
	codeInvalidNamespace:     yunduo.ReasonInvalidCollectionName,
	codeIndexOptionsConflict: yunduo.ReasonInvalidIndex,
	codeIndexSpecsConflict:   yunduo.ReasonInvalidIndex,
	codeWriteConflict:        yunduo.ReasonTransactionConflict,
	codeExceededMemory:       yunduo.ReasonQueryTooExpensive,
	codeParallelArrays:       yunduo.ReasonInvalidDocument,
	codeTransactionTooLarge:  yunduo.ReasonTransactionTooLarge,
	codeNoSuchTransaction:    yunduo.ReasonTransactionNotFound,
	codeTransactionCommitted: yunduo.ReasonTransactionNotFound,
	codeHistoryLost:          yunduo.ReasonPositionLost,
	codeMemoryLimit:          yunduo.ReasonQueryTooExpensive,
	codeDocumentTooLarge:     yunduo.ReasonDocumentTooLarge,
	codeDuplicateKey:         yunduo.ReasonDuplicateKey,
	codeNoPlace:              yunduo.ReasonInvalidDocument,
	codeSortMemory:           yunduo.ReasonQueryTooExpensive,
	codeKeyTooLong:           yunduo.ReasonInvalidDocument,
	codeUpdateTooLarge:       yunduo.ReasonDocumentTooLarge,
}

// codeOf is the number of a server's error, 0 for any other.
func codeOf(err error) int {
	if server, ok := errors.AsType[mongo.ServerError](err); ok {
		if codes := server.ErrorCodes(); len(codes) > 0 {
			return codes[0]
		}
	}
	return 0
}

func isTransient(err error) bool {
	server, ok := errors.AsType[mongo.ServerError](err)
	return ok && (server.HasErrorLabel(labelTransient) || server.HasErrorCode(codeWriteConflict))
}

// failure turns an error of the driver or server into one of ours. What the server's number does not tell, the
// operation does: see failed.
func failure(err error) error { return failed(err, yunduo.ReasonInternal) }

// failed is failure for an operation whose own mistakes have a reason: an update that cannot be applied, an
// expression that cannot be computed.
func failed(err error, mistake yunduo.Reason) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*yunduo.Error](err); ours {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	code := codeOf(err)
	message := err.Error()
	if command, ok := errors.AsType[mongo.CommandError](err); ok {
		message = command.Message
	}
	if write, ok := errors.AsType[mongo.WriteException](err); ok && len(write.WriteErrors) > 0 {
		message = write.WriteErrors[0].Message
	}
	if bulk, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(bulk.WriteErrors) > 0 {
		message = bulk.WriteErrors[0].Message
	}
	reason, known := reasons[code]
	switch {
	case known:
	case isTransient(err):
		reason = yunduo.ReasonTransactionConflict
	case code == codeUnauthorized || code == codeAuthenticationFailed:
		return yunduo.Wrap(err, yunduo.ReasonInternal, "the database refuses this server")
	case code != 0 && mistake != yunduo.ReasonInternal:
		reason = mistake
	case code != 0:
		return yunduo.Wrap(err, yunduo.ReasonInternal, "the database reported a failure")
	case mongo.IsTimeout(err) || mongo.IsNetworkError(err) || errors.Is(err, mongo.ErrClientDisconnected):
		return yunduo.Wrap(err, yunduo.ReasonDatabaseUnavailable, "the database cannot be reached")
	default:
		return yunduo.Wrap(err, yunduo.ReasonInternal, "the database could not be asked")
	}
	made := yunduo.Wrap(err, reason, "%s", message)
	if code != 0 {
		return made.WithMongoCode(code)
	}
	return made
}

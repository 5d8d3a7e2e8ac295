package wire

import (
	_ "embed"
	"net/http"

	"yunduo"
)

// ErrorsJSON is the register of all error reasons; constants in Go and JavaScript are generated from it.
//
//go:embed errors.json
var ErrorsJSON []byte

// ErrorEnvelope is the body of every failed request.
type ErrorEnvelope struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody tells what went wrong. Programs compare Code and Reason (or ErrCode); Message is for people.
type ErrorBody struct {
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
	Retryable bool   `json:"retryable"`
	ErrCode   int    `json:"errCode"`
	MongoCode int    `json:"mongoCode,omitempty"` // of errors of the document language
	Stack     string `json:"stack,omitempty"`
}

// NewErrorBody turns any error into what the caller may see of it.
func NewErrorBody(err error, requestID string) ErrorBody {
	e := yunduo.AsError(err)
	return ErrorBody{
		Code: string(e.Code()), Reason: string(e.Reason), Message: e.Message, RequestID: requestID,
		Retryable: e.Retryable(), ErrCode: e.Reason.ErrCode(), MongoCode: e.MongoCode(), Stack: e.Stack,
	}
}

var statuses = map[yunduo.Code]int{
	yunduo.CodeInvalid:         http.StatusBadRequest,
	yunduo.CodeUnauthenticated: http.StatusUnauthorized,
	yunduo.CodeDenied:          http.StatusForbidden,
	yunduo.CodeNotFound:        http.StatusNotFound,
	yunduo.CodeExists:          http.StatusConflict,
	yunduo.CodeConflict:        http.StatusConflict,
	yunduo.CodeExhausted:       http.StatusTooManyRequests,
	yunduo.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	yunduo.CodeTimeout:         http.StatusGatewayTimeout,
	yunduo.CodeCanceled:        499, // the client closed the request (nginx's convention)
	yunduo.CodeUnavailable:     http.StatusServiceUnavailable,
	yunduo.CodeFunction:        http.StatusBadGateway,
	yunduo.CodeInternal:        http.StatusInternalServerError,
}

// Status returns the HTTP status of an error code.
func Status(code yunduo.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

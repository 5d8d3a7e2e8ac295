package yunduo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Code is the broad class of an error: a closed set that decides behaviour. Nobody parses messages.
type Code string

// The closed set of codes.
const (
	CodeInvalid         Code = "invalid"
	CodeUnauthenticated Code = "unauthenticated"
	CodeDenied          Code = "denied"
	CodeNotFound        Code = "not_found"
	CodeExists          Code = "exists"
	CodeConflict        Code = "conflict"
	CodeExhausted       Code = "exhausted"
	CodeTooLarge        Code = "too_large"
	CodeTimeout         Code = "timeout"
	CodeCanceled        Code = "canceled"
	CodeUnavailable     Code = "unavailable"
	CodeFunction        Code = "function"
	CodeInternal        Code = "internal"
)

// Reason is the stable, specific cause of an error. Reasons are defined in wire/errors.json and never reused.
type Reason string

// Error is what every room returns for a failure that a caller may see.
type Error struct {
	Reason  Reason
	Message string // one human sentence that names the field or thing at fault; safe to show to the caller
	Stack   string // stack of the author's code, for function errors only
	Cause   error  // internal; goes to the log only
}

// Errorf makes an error with a reason and a sentence for the caller.
func Errorf(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error with a reason and a sentence for the caller, and keeps cause for the log.
func Wrap(cause error, reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Error returns the sentence for the caller, followed by the internal cause: for logs, not for replies.
func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Reason) + ": " + e.Message + ": " + e.Cause.Error()
	}
	return string(e.Reason) + ": " + e.Message
}

// Unwrap returns the internal cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an *Error with the same reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// Code returns the class of the error's reason.
func (e *Error) Code() Code { return e.Reason.Code() }

// MongoCode returns the number under which MongoDB's tools know the error: that which a cause carries, as one made by
// WithMongoCode does, else that of the reason; 0 if they know none.
func (e *Error) MongoCode() int {
	var exact mongoCode
	if errors.As(e.Cause, &exact) {
		return int(exact)
	}
	return e.Reason.MongoCode()
}

// WithMongoCode gives the error a number that is more exact than that of its reason, and returns it.
func (e *Error) WithMongoCode(code int) *Error {
	if e.Cause == nil {
		e.Cause = mongoCode(code)
	} else {
		e.Cause = errors.Join(mongoCode(code), e.Cause)
	}
	return e
}

// mongoCode is an error number of MongoDB, carried as a cause.
type mongoCode int

func (c mongoCode) Error() string { return "MongoDB code " + strconv.Itoa(int(c)) }

// Retryable reports whether the same request may succeed when sent again.
func (e *Error) Retryable() bool { return e.Reason.Retryable() }

// AsError turns any error into an *Error. What no room has classified becomes internal, with a neutral sentence.
// It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(err, ReasonTimeout, "the request took longer than its time limit")
	case errors.Is(err, context.Canceled):
		return Wrap(err, ReasonCanceled, "the request was cancelled by the caller")
	}
	return Wrap(err, ReasonInternal, "something went wrong on the server; its log has the details under this request ID")
}

// ReasonOf returns the reason of err, or the empty reason for nil.
func ReasonOf(err error) Reason {
	if e := AsError(err); e != nil {
		return e.Reason
	}
	return ""
}

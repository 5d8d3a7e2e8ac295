package embedded

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"yunduo"
)

// fail records that the store can no longer be written safely and returns what callers get to see from now on. A
// failed write of the log is never retried: what the file system did with it is unknown until the store is reopened.
func (e *Engine) fail(cause error) error {
	failure := storageError(cause)
	if e.failure.CompareAndSwap(nil, &failure) {
		e.options.Logger.Error("document store failed", "error", cause)
		if e.options.OnFailure != nil {
			e.options.OnFailure(cause)
		}
	}
	return *e.failure.Load()
}

// failed returns the error of an earlier failure.
func (e *Engine) failed() error {
	if f := e.failure.Load(); f != nil {
		return *f
	}
	return nil
}

// storageError gives an error of the file system or of Pebble a reason.
func storageError(err error) error {
	var known *yunduo.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case vfs.IsNoSpaceError(err):
		return yunduo.Wrap(err, yunduo.ReasonStorageFull, "the disk of the server is full")
	case errors.Is(err, pebble.ErrClosed):
		return errClosed()
	}
	return yunduo.Wrap(err, yunduo.ReasonInternal, "the document store could not be read or written")
}

// pebbleLogger passes Pebble's messages on.
type pebbleLogger struct{ logger *slog.Logger }

var _ pebble.Logger = pebbleLogger{}

func (l pebbleLogger) Infof(format string, args ...any) {
	l.logger.Debug("pebble", "message", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.logger.Error("pebble", "message", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it when its state on disk is unknown.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.logger.Error("pebble failed", "message", message)
	panic("embedded: " + message)
}

// Package exchange holds what every HTTP surface needs of one request and reply: credentials, bounded bodies, the
// address the client used, and the error envelope.
package exchange

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/wire"
)

// MaxJSONBody is the largest JSON request body in bytes.
const MaxJSONBody = 16 << 20

// bodyTime is how long a JSON request body may take to arrive.
const bodyTime = time.Minute

const errorKey = "yunduo.error"

// Bearer returns the token of the Authorization header, or the empty string.
func Bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Device returns what a client calls the device that it runs on, empty if it does not say.
func Device(r *http.Request) string { return r.Header.Get("X-Device-Id") }

// BaseURL returns the address under which the client reached the server, without a trailing slash. publicURL, if
// set, wins: behind a proxy the server cannot know its own address.
func BaseURL(r *http.Request, publicURL string) string {
	if publicURL != "" {
		return strings.TrimRight(publicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// Body reads a request body of at most limit bytes; body_too_large beyond. A client that does not send it whole within
// bodyTime is cut off, so that slow ones cannot hold memory for as long as they like.
func Body(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if b, ok := r.Body.(whole); ok {
		if text, ok := b.Whole(); ok {
			return text, nil
		}
		return nil, yunduo.Errorf(yunduo.ReasonCanceled, "the request body did not arrive whole")
	}
	if r.ContentLength != 0 {
		// Connections that know no deadlines, such as those of tests, are not slow.
		connection := http.NewResponseController(c.Response())
		if connection.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
			defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
		}
	}
	body, err := readAll(http.MaxBytesReader(c.Response(), r.Body, limit), r.ContentLength)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, yunduo.Wrap(err, yunduo.ReasonCanceled, "the request body did not arrive whole")
	}
	return body, nil
}

// whole is a body that has arrived already, or is not going to.
type whole interface{ Whole() ([]byte, bool) }

// readAll is io.ReadAll for a body whose length may be known. What a client announces is believed up to 1 MiB.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length <= 0 || length > 1<<20 {
		return io.ReadAll(body)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(body, text); err != nil {
		return nil, err
	}
	return text, nil
}

func tooLarge(limit int64) error {
	return yunduo.Errorf(yunduo.ReasonBodyTooLarge, "the request body is larger than %d MiB", limit>>20)
}

// JSON writes a response of the operation table with status 200.
func JSON(c echo.Context, response any) error {
	text, err := api.Encode(response)
	if err != nil {
		return err
	}
	return Raw(c, http.StatusOK, text)
}

// Values of headers that nobody changes in place.
var jsonType, noStore = []string{"application/json; charset=utf-8"}, []string{"no-store"}

// Raw writes JSON text as it is.
func Raw(c echo.Context, status int, text []byte) error {
	h := c.Response().Header()
	h[echo.HeaderContentType] = jsonType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	c.Response().WriteHeader(status)
	_, err := c.Response().Write(text)
	return err
}

// Fail writes the error envelope and notes the error for the request log.
func Fail(c echo.Context, err error) error {
	Note(c, err)
	if c.Response().Committed {
		return nil
	}
	body := wire.NewErrorBody(err, RequestID(c))
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(wire.Status(yunduo.AsError(err).Code()), wire.ErrorEnvelope{Error: body})
}

// Note records the error of a request for its log line without writing a reply.
func Note(c echo.Context, err error) { c.Set(errorKey, err) }

// Noted returns the error recorded for the request, nil if it went well.
func Noted(c echo.Context) error {
	err, _ := c.Get(errorKey).(error)
	return err
}

// RequestID returns the ID of the request.
func RequestID(c echo.Context) string { return yunduo.RequestID(c.Request().Context()) }

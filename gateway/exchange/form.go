package exchange

import (
	"io"
	"mime/multipart"

	"github.com/labstack/echo/v4"

	"yunduo"
)

// Bounds on the parts of an upload form in front of the file.
const (
	maxFormFields = 64
	maxFormField  = 16 << 10 // bytes
)

// FormFile reads an upload form up to its part "file", whose bytes follow from the part. fields are the parts in front
// of it; of two with the same name the first counts. What follows the file is not read. It returns invalid_request if
// the body is no such form.
func FormFile(c echo.Context) (fields map[string]string, file *multipart.Part, err error) {
	form, err := c.Request().MultipartReader()
	if err != nil {
		return nil, nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the body must be a multipart form with a part named \"file\"")
	}
	fields = map[string]string{}
	for range maxFormFields {
		part, err := form.NextRawPart()
		if err != nil {
			return nil, nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the form has no part named \"file\"")
		}
		name := part.FormName()
		if name == "file" {
			return fields, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
		if err != nil {
			return nil, nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the form breaks off before its part \"file\"")
		}
		if len(value) > maxFormField {
			return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "a part of the form in front of \"file\" is larger than %d bytes", maxFormField)
		}
		if _, ok := fields[name]; !ok {
			fields[name] = string(value)
		}
	}
	return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the form has more than %d parts in front of \"file\"", maxFormFields)
}

package native

import (
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// upload takes the raw bytes of a granted file.
func (s *surface) upload(c echo.Context) error {
	r := c.Request()
	file, err := s.Rooms.Storage.Upload(r.Context(), c.Param("ticket"), r.Body, r.Header.Get(echo.HeaderContentType), r.ContentLength)
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", `"`+file.ETag+`"`)
	return c.NoContent(http.StatusOK) // official SDKs read any body as an XML error
}

// uploadForm takes the bytes as the "file" part of a form, as older SDKs and browsers send them. Parts in front of it
// are the vendor's own and are skipped; the permission is in the ticket.
func (s *surface) uploadForm(c echo.Context) error {
	r := c.Request()
	if _, err := s.Rooms.Storage.GrantedFile(c.Param("ticket")); err != nil {
		return err
	}
	fields, file, err := exchange.FormFile(c)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := s.Rooms.Storage.Upload(r.Context(), c.Param("ticket"), file, file.Header.Get(echo.HeaderContentType), -1); err != nil {
		return err
	}
	if _, asked := fields["success_action_status"]; asked {
		return c.NoContent(http.StatusCreated)
	}
	return c.NoContent(http.StatusNoContent)
}

// download serves a file to whoever has its signed address.
//
// A stored page or script must never run on the origin of the API or the console: the sandbox policy takes a page's
// origin away, and everything that a browser would run is offered as a download.
func (s *surface) download(c echo.Context) error {
	r := c.Request()
	object, err := s.Rooms.Storage.OpenSigned(r.Context(), yunduo.AppID(c.Param("app")), c.Param("path"), c.QueryParam("sign"))
	if err != nil {
		return err
	}
	file, h := object.File(), c.Response().Header()
	h.Set(echo.HeaderContentType, file.ContentType)
	h.Set("ETag", `"`+file.ETag+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // the signature is the permission: pages may embed pictures
	h.Set("Cache-Control", "private, max-age=3600")
	disposition := "attachment"
	if inline(file.ContentType) {
		disposition = "inline"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(file.Path)}))
	content := object.Reader(r.Context())
	defer content.Close()
	http.ServeContent(c.Response(), r, "", file.ModifiedAt, content)
	return nil
}

// inline reports whether a browser only shows content of the type, rather than running it.
func inline(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	kind, sub, _ := strings.Cut(media, "/")
	switch kind {
	case "image":
		return sub != "svg+xml"
	case "audio", "video":
		return true
	}
	return media == "text/plain" || media == "application/pdf" || media == "application/json"
}

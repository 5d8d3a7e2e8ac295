package native

import (
	"encoding/json"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// transferRoutes move whole files: method, path below /v1/manage, operation. Imports take the file as their body,
// exports reply with it.
var transferRoutes = []struct {
	path, operation string
	in              bool
}{
	{"/apps/:app/collections/:collection/import", "documents.import", true},
	{"/apps/:app/import", "documents.importArchive", true},
	{"/apps/:app/collections/:collection/export", "documents.export", false},
	{"/apps/:app/export", "documents.exportArchive", false},
	{"/apps/:app/restoreArchive", "apps.restoreArchive", true},
	{"/backup", "server.backup", false},
}

func (s *surface) mountTransfer(g *echo.Group) {
	for _, r := range transferRoutes {
		handler := s.exportTo(r.operation)
		switch {
		case r.operation == "server.backup":
			handler = s.backup
		case r.in:
			handler = s.importFrom(r.operation)
		}
		g.POST(r.path, handler)
	}
}

// importFrom hands the body to an operation as it comes in.
func (s *surface) importFrom(operation string) echo.HandlerFunc {
	return func(c echo.Context) error {
		call, err := s.call(c, yunduo.AppID(c.Param("app")))
		if err != nil {
			return err
		}
		fields := map[string]string{}
		for _, name := range []string{"format", "mode", "source", "confirm"} {
			if value := c.QueryParam(name); value != "" {
				fields[name] = value
			}
		}
		if collection := c.Param("collection"); collection != "" {
			fields["collection"] = collection
		}
		if call.Request, err = json.Marshal(fields); err != nil {
			return err
		}
		call.Body = c.Request().Body
		response, err := s.API.Do(c.Request().Context(), operation, call)
		if err != nil {
			return err
		}
		return exchange.JSON(c, response)
	}
}

// exportTo sends a file as an operation writes it.
func (s *surface) exportTo(operation string) echo.HandlerFunc {
	return func(c echo.Context) error {
		call, err := s.call(c, yunduo.AppID(c.Param("app")))
		if err != nil {
			return err
		}
		body, err := exchange.Body(c, exchange.MaxJSONBody)
		if err != nil {
			return err
		}
		fields := map[string]string{}
		if collection := c.Param("collection"); collection != "" {
			fields["collection"] = collection
		}
		if call.Request, err = merge(body, fields); err != nil {
			return err
		}
		var shown wire.ExportRequest
		_ = json.Unmarshal(call.Request, &shown) // the operation tells what is wrong with it
		call.Reply = &attachment{c: c, name: fileName(c.Param("app"), shown)}
		return s.send(c, operation, call)
	}
}

// send runs an operation that replies with a file.
func (s *surface) send(c echo.Context, operation string, call *api.Call) error {
	_, err := s.API.Do(c.Request().Context(), operation, call)
	if err != nil && c.Response().Committed {
		exchange.Note(c, err)
		panic(http.ErrAbortHandler) // a file that breaks off must not look whole
	}
	return err
}

// backup sends a backup of the server. The body is the manifest of an earlier one, or empty.
func (s *surface) backup(c echo.Context) error {
	call, err := s.call(c, "")
	if err != nil {
		return err
	}
	call.Body = c.Request().Body
	call.Reply = &attachment{c: c, name: "backup.tar"}
	return s.send(c, "server.backup", call)
}

func fileName(app string, r wire.ExportRequest) string {
	name := r.Collection
	if name == "" {
		name = app
	}
	switch {
	case r.Format != "":
		name += "." + r.Format
	case r.Collection == "":
		name += ".archive"
	default:
		name += ".jsonl"
	}
	if r.Gzip {
		name += ".gz"
	}
	return name
}

// attachment is a reply whose headers go out with its first byte, so that an error before it can be told.
type attachment struct {
	c    echo.Context
	name string
}

// Write sends bytes.
func (a *attachment) Write(p []byte) (int, error) {
	w := a.c.Response()
	if !w.Committed {
		h := w.Header()
		h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
		h.Set("Cache-Control", "no-store")
		h.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": a.name}))
		w.WriteHeader(http.StatusOK)
	}
	return w.Write(p)
}

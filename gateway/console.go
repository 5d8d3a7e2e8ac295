package gateway

import (
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// The console talks to its own origin only and may not be framed.
const consolePolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

// mountConsole serves the single-page app under /console/: files by name, its index page for every other path.
func mountConsole(e *echo.Echo, files fs.FS) {
	if files == nil {
		return
	}
	e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/console/") })
	e.GET("/console", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/console/") })
	server := http.FileServerFS(files)
	serve := func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", consolePolicy)
		h.Set("X-Frame-Options", "DENY")
		name := strings.TrimPrefix(path.Clean("/"+c.Param("*")), "/")
		if info, err := fs.Stat(files, name); err != nil || info.IsDir() {
			h.Set("Cache-Control", "no-cache")
			http.ServeFileFS(c.Response(), c.Request(), files, "index.html")
			return nil
		}
		if strings.HasPrefix(name, "assets/") { // Vite puts a content hash into these names
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.StripPrefix("/console", server).ServeHTTP(c.Response(), c.Request())
		return nil
	}
	e.Match([]string{http.MethodGet, http.MethodHead}, "/console/*", serve, middleware.Gzip())
}

package exchange

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const keepAlive = 20 * time.Second

// Events sends each value as a server-sent event with a JSON body until the channel is closed, the server
// stops (draining is closed) or the client leaves.
// A comment line every 20 s keeps proxies from closing an idle stream.
func Events[T any](c echo.Context, values <-chan T, draining <-chan struct{}) error {
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	w.Flush()
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-draining:
			return nil
		case <-ticker.C:
			if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
				return nil // the client left; there is nobody to tell
			}
		case value, ok := <-values:
			if !ok {
				return nil
			}
			text, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil {
				return nil
			}
		}
		w.Flush()
	}
}

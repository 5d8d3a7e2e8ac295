package e2e_test

import (
	"bufio"
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/server"
)

// follow opens the stream of an app's invocations and returns its lines until it ends.
func (w *world) follow(t *testing.T) <-chan string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/manage/apps/"+string(w.app)+"/logs/stream", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+w.keys.APIKey)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer response.Body.Close()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

func TestLogStream_TellsInvocationsToTheOwnerAlone(t *testing.T) {
	w, other := shared.open(t), shared.open(t)
	w.user(t, "li")
	w.tokens["stranger"] = other.keys.APIKey
	stream := "/v1/manage/apps/{app}/logs/stream"
	w.run(t, []exchange{
		{name: "nobody", method: "GET", path: stream, status: 401, reason: yunduo.ReasonTokenMissing},
		{name: "an end user", method: "GET", path: stream, as: "li", status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "another app's owner", method: "GET", path: stream, as: "stranger", status: 401, reason: yunduo.ReasonTokenInvalid},
	})
	for _, app := range []*world{w, other} {
		app.deployMain(t, "talk", "console.log('said in "+string(app.app)+"')")
	}
	lines := w.follow(t)
	_, err := other.owner().Invoke(t.Context(), "talk", nil)
	require.NoError(t, err)
	_, err = w.as(t, "li").Invoke(t.Context(), "talk", nil)
	require.NoError(t, err)
	line := <-lines
	require.True(t, strings.HasPrefix(line, "data: {"), line)
	require.Contains(t, line, "said in "+string(w.app))
	require.Contains(t, line, `"user":"li"`)
}

// A console that is open must not hold up a server that stops.
func TestShutdown_EndsStreams(t *testing.T) {
	var log bytes.Buffer
	p := start(t, func(c *server.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	lines := p.open(t).follow(t)
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	for range lines { // ends long before the grace time, or the stop below fails
	}
	require.NoError(t, <-stopped)
	require.NotContains(t, log.String(), "cut off")
}
